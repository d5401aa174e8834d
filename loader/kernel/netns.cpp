// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <xdemux/kernel/netns.h>

namespace xdemux {
namespace {

constexpr const char* named_directory = "/run/netns";
// The thread's own, not the process's: another thread may be elsewhere.
constexpr const char* current_path = "/proc/thread-self/ns/net";

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

// A name whose namespace is gone is a plain file that nothing is mounted on.
bool is_namespace(const std::string& path) {
    struct statfs info {};
    return ::statfs(path.c_str(), &info) == 0 && static_cast<unsigned long>(info.f_type) == NSFS_MAGIC;
}

std::string describe_known() {
    const auto names = known_netns();
    if (names.empty()) return "there are none under /run/netns; make one with ip netns add";
    return fmt::format("known ones: {}", fmt::join(names, ", "));
}

Result<Fd> open_target(std::string_view name) {
    const bool is_path = name.find('/') != std::string_view::npos;
    const std::string path = is_path ? std::string(name) : fmt::format("{}/{}", named_directory, name);
    Fd target(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!target.valid()) {
        const int error_number = errno;
        if (error_number != ENOENT)
            return fail_system(error_number, fmt::format("cannot open network namespace \"{}\"", name));
        return fail(ErrorKind::not_found, fmt::format("no network namespace \"{}\"; {}", name, describe_known()));
    }
    return target;
}

}  // namespace

Result<NetnsScope> NetnsScope::enter(std::string_view name) {
    auto target = open_target(name);
    if (!target) return fail(std::move(target.error()));
    Fd previous(::open(current_path, O_RDONLY | O_CLOEXEC));
    if (!previous.valid()) return fail_system(errno, "cannot open the current network namespace");
    if (::setns(target->get(), CLONE_NEWNET) == 0) return NetnsScope(std::move(previous));

    const int error_number = errno;
    if (error_number == EINVAL)
        return fail(ErrorKind::usage, fmt::format("\"{}\" is not a network namespace; {}", name, describe_known()));
    Error error = Error::system(error_number, fmt::format("cannot enter network namespace \"{}\"", name));
    if (error_number == EPERM) error = error.with_remedy("it needs CAP_SYS_ADMIN: run as root or with sudo");
    return fail(std::move(error));
}

NetnsScope::~NetnsScope() {
    if (!previous_.valid() || ::setns(previous_.get(), CLONE_NEWNET) == 0) return;
    std::perror("xdemux: cannot return to the previous network namespace");
    std::abort();
}

std::vector<std::string> known_netns() {
    std::vector<std::string> names;
    std::error_code error;  // an unreadable directory has no names to offer
    for (const auto& entry : std::filesystem::directory_iterator(named_directory, error))
        if (is_namespace(entry.path().string())) names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
}

Result<std::uint64_t> netns_cookie() {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail_system(errno, "cannot identify the network namespace");
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0) return cookie;
    const int error_number = errno;
    if (error_number == ENOPROTOOPT)
        return fail(ErrorKind::unsupported, "cannot identify the network namespace: needs Linux 5.14 or newer");
    return fail_system(error_number, "cannot identify the network namespace");
}

std::optional<std::string> netns_name() {
    struct stat current {};
    if (::stat(current_path, &current) != 0) return std::nullopt;
    for (std::string& name : known_netns()) {
        struct stat named {};
        if (::stat(fmt::format("{}/{}", named_directory, name).c_str(), &named) != 0) continue;
        if (named.st_dev == current.st_dev && named.st_ino == current.st_ino) return std::move(name);
    }
    return std::nullopt;
}

}  // namespace xdemux
