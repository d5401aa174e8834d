// SPDX-License-Identifier: BSD-2-Clause
// A child that is stopped after each of its instructions that changed some memory which it shares.
#pragma once

#include <algorithm>
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

/// Runs `work` in a child and calls `stopped` whenever one of its instructions has changed some of `memory`, which
/// `stopped` may change too. Throws std::runtime_error where that is not possible, or the child fails.
inline void step_through(const std::vector<std::span<const std::byte>>& memory, const std::function<void()>& work,
                         const std::function<void()>& stopped) {
    const auto require = [](bool holds, const char* what) {
        if (!holds) throw std::runtime_error(what);
    };
    std::vector<std::vector<std::byte>> before(memory.size());
    const auto remember = [&] {
        for (std::size_t i = 0; i < memory.size(); ++i)
            before[i].assign(memory[i].begin(), memory[i].end());
    };
    const auto is_as_before = [&] {
        return std::equal(memory.begin(), memory.end(), before.begin(), [](const auto& now, const auto& then) {
            return std::memcmp(now.data(), then.data(), now.size()) == 0;
        });
    };
    remember();
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
        if (!is_as_before()) {
            stopped();
            remember();  // now, for what looked at it may have changed it too: a packet counts in its flow
        }
        require(::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0, "cannot step through the child");
        require(::waitpid(child, &status, 0) == child, "the child is gone");
    }
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed");
}

}  // namespace xdemux::test
