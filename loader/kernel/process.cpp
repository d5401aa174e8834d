// SPDX-License-Identifier: BSD-2-Clause
#include <memory>
#include <optional>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/base/number.h>
#include <xdemux/kernel/process.h>

namespace xdemux {
namespace {

struct DirCloser {
    void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirPtr = std::unique_ptr<DIR, DirCloser>;

/// "socket:[4711]" -> 4711
std::optional<std::uint64_t> socket_inode(std::string_view link) {
    constexpr std::string_view prefix = "socket:[";
    if (!link.starts_with(prefix) || !link.ends_with(']')) return std::nullopt;
    return whole_number<std::uint64_t>(link.substr(prefix.size(), link.size() - prefix.size() - 1));
}

void add_sockets_of(pid_t pid, std::unordered_map<std::uint64_t, Process>& owners) {
    const auto inodes = socket_inodes(pid);
    if (inodes.empty()) return;
    const std::string name = process_name(pid);  // read once, and only for a process that has a socket
    for (const auto inode : inodes) {
        const auto [owner, added] = owners.try_emplace(inode, Process{pid, name});
        // A socket is shared after fork: the parent, whose number is lower as a rule, is the one to show.
        if (!added && pid < owner->second.pid) owner->second = Process{pid, name};
    }
}

}  // namespace

std::string process_name(pid_t pid) {
    const Fd file(::open(fmt::format("/proc/{}/comm", pid).c_str(), O_RDONLY | O_CLOEXEC));
    char text[64];
    const ssize_t size = file.valid() ? ::read(file.get(), text, sizeof text) : 0;
    if (size <= 0) return {};
    std::string name(text, static_cast<std::size_t>(size));
    if (name.ends_with('\n')) name.pop_back();
    return name;
}

std::unordered_set<std::uint64_t> socket_inodes(pid_t pid) {
    std::unordered_set<std::uint64_t> inodes;
    const DirPtr files(::opendir(fmt::format("/proc/{}/fd", pid).c_str()));
    if (files == nullptr) return inodes;
    while (const dirent* entry = ::readdir(files.get())) {
        char target[64];
        const ssize_t size = ::readlinkat(::dirfd(files.get()), entry->d_name, target, sizeof target);
        if (size <= 0) continue;
        if (const auto inode = socket_inode({target, static_cast<std::size_t>(size)})) inodes.insert(*inode);
    }
    return inodes;
}

std::unordered_map<std::uint64_t, Process> socket_owners() {
    std::unordered_map<std::uint64_t, Process> owners;
    const DirPtr proc(::opendir("/proc"));
    if (proc == nullptr) return owners;
    while (const dirent* entry = ::readdir(proc.get()))
        if (const auto pid = whole_number<pid_t>(entry->d_name)) add_sockets_of(*pid, owners);
    return owners;
}

}  // namespace xdemux
