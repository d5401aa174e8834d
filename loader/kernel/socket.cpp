// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xdemux/base/number.h>
#include <xdemux/kernel/socket.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace xdemux {
namespace {

constexpr int first_passed = 3;  // SD_LISTEN_FDS_START

Result<Fd> duplicate(int fd, const std::string& what) {
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, first_passed));
    if (copy.valid()) return copy;
    if (errno == EBADF) return fail(ErrorKind::not_found, fmt::format("{} is not open", what));
    return fail_system(errno, fmt::format("cannot take {}", what));
}

std::optional<int> environment_number(const char* name) {
    const char* text = std::getenv(name);
    return text == nullptr ? std::nullopt : whole_number<int>(text);
}

/// The names of what was passed, in order; those that have none are "unknown", as sd_listen_fds(3) has it.
std::vector<std::string> passed_names(std::size_t count) {
    const char* text = std::getenv("LISTEN_FDNAMES");
    std::string_view rest = text == nullptr ? "" : text;
    std::vector<std::string> names;
    while (names.size() < count && !rest.empty()) {
        const auto end = rest.find(':');
        names.emplace_back(rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    names.resize(count, "unknown");
    return names;
}

template <typename T>
Result<T> option(int fd, int level, int name) {
    T value{};
    socklen_t size = sizeof value;
    if (::getsockopt(fd, level, name, &value, &size) == 0) return value;
    if (errno == ENOTSOCK) return fail(ErrorKind::usage, "it is no socket");
    return fail_system(errno, "cannot inspect the socket");
}

/// Host order; 0: none.
Result<std::uint16_t> local_port(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0)
        return fail_system(errno, "cannot inspect the socket");
    // Where sockaddr_in6 has its port too.
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    return ntohs(in.sin_port);
}

/// None: neither TCP nor UDP over IP.
Result<std::optional<SocketKind>> kind_of(int fd) {
    const auto domain = option<int>(fd, SOL_SOCKET, SO_DOMAIN);
    if (!domain) return fail(domain.error());
    const auto protocol = option<int>(fd, SOL_SOCKET, SO_PROTOCOL);
    if (!protocol) return fail(protocol.error());
    if ((*domain != AF_INET && *domain != AF_INET6) || (*protocol != IPPROTO_TCP && *protocol != IPPROTO_UDP))
        return std::optional<SocketKind>();
    SocketKind kind;
    kind.proto = *protocol == IPPROTO_TCP ? Proto::tcp : Proto::udp;
    kind.family = *domain == AF_INET ? Family::ipv4 : Family::ipv6;
    if (kind.family == Family::ipv4) return std::optional(kind);
    const auto v6only = option<int>(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (!v6only) return fail(v6only.error());
    kind.v6only = *v6only != 0;
    return std::optional(kind);
}

Status check_waits(int fd, Proto proto) {
    if (proto == Proto::tcp) {
        const auto listening = option<int>(fd, SOL_SOCKET, SO_ACCEPTCONN);
        if (!listening) return fail(listening.error());
        if (*listening != 0) return {};
        return fail(ErrorKind::usage, "it is a TCP socket that does not listen; call listen() first");
    }
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0)
        return fail(ErrorKind::usage, "it is a connected UDP socket, which hears its peer alone");
    const auto port = local_port(fd);
    if (!port) return fail(port.error());
    if (*port != 0) return {};
    return fail(ErrorKind::usage, "it is a UDP socket without a port; call bind() first");
}

}  // namespace

Result<Fd> inherited_descriptor(int fd) {
    return duplicate(fd, fmt::format("descriptor {} of this process", fd));
}

Result<Fd> passed_descriptor(std::string_view name) {
    const auto count = environment_number("LISTEN_FDS");
    if (environment_number("LISTEN_PID") != ::getpid() || !count || *count <= 0)
        return fail(ErrorKind::not_found,
                    "the service manager passed no sockets to this process (LISTEN_PID, "
                    "LISTEN_FDS); start it by a service unit with Sockets=");
    const auto names = passed_names(static_cast<std::size_t>(*count));
    std::optional<int> found;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] != name && names.size() != 1) continue;
        if (found) return fail(ErrorKind::usage, fmt::format("several of the passed sockets are named \"{}\"", name));
        found = first_passed + static_cast<int>(i);
    }
    if (!found)
        return fail(ErrorKind::not_found,
                    fmt::format("none of the {} passed sockets is named \"{}\"; name it by FileDescriptorName= in its "
                                "socket unit",
                                names.size(), name));
    return inherited_descriptor(*found);
}

Result<ServerSocket> describe_server_socket(int fd) {
    const auto kind = kind_of(fd);
    if (!kind) return fail(kind.error());
    if (!*kind) return fail(ErrorKind::usage, "it is neither a TCP nor a UDP socket of IPv4 or IPv6");
    if (auto waits = check_waits(fd, (*kind)->proto); !waits) return fail(waits.error());
    const auto cookie = option<std::uint64_t>(fd, SOL_SOCKET, SO_COOKIE);
    if (!cookie) return fail(cookie.error());
    const auto netns = option<std::uint64_t>(fd, SOL_SOCKET, SO_NETNS_COOKIE);
    if (!netns) return fail(netns.error());
    return ServerSocket{**kind, *cookie, *netns};
}

}  // namespace xdemux
