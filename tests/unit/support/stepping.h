// SPDX-License-Identifier: BSD-2-Clause
// A child that is stopped after each of its instructions that changed some memory which it shares.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstring>
#include <functional>
#include <span>
#include <stdexcept>
#include <vector>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xdemux::test {

/// Runs `work` in a child and calls `stopped` whenever one of its instructions has changed some of `memory`. Throws
/// std::runtime_error where that is not possible, or the child fails.
inline void step_through(const std::vector<std::span<const std::byte>>& memory, const std::function<void()>& work,
                         const std::function<void()>& stopped) {
    const auto require = [](bool holds, const char* what) {
        if (!holds) throw std::runtime_error(what);
    };
    std::vector<std::vector<std::byte>> before;
    for (const auto& part : memory)
        before.emplace_back(part.begin(), part.end());
    const pid_t child = ::fork();
    require(child >= 0, "cannot fork");
    if (child == 0) {
        ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        ::raise(SIGSTOP);
        work();
        ::_exit(0);
    }
    int status = 0;
    require(::waitpid(child, &status, 0) == child, "the child is gone");
    while (WIFSTOPPED(status)) {
        bool changed = false;
        for (std::size_t i = 0; i < memory.size(); ++i) {
            if (std::memcmp(before[i].data(), memory[i].data(), memory[i].size()) == 0) continue;
            std::memcpy(before[i].data(), memory[i].data(), memory[i].size());
            changed = true;
        }
        if (changed) stopped();
        require(::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0, "cannot step through the child");
        require(::waitpid(child, &status, 0) == child, "the child is gone");
    }
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed");
}

}  // namespace xdemux::test
