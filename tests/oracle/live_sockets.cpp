// SPDX-License-Identifier: BSD-2-Clause
#include "live_sockets.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/kernel/sock_diag.h>

#include "support/netns_fixture.h"

namespace xdemux::oracle {
namespace {

/// What a bind to a taken endpoint comes to, or to an address that the device does not have.
bool is_refusal(int error) {
    return error == EADDRINUSE || error == EADDRNOTAVAIL || error == EINVAL;
}

void must(int result, const char* what) {
    if (result != 0) throw std::system_error(errno, std::generic_category(), what);
}

void set_option(const Fd& fd, int level, int option, int value, const char* what) {
    must(::setsockopt(fd.get(), level, option, &value, sizeof value), what);
}

Fd make_socket(const SocketSpec& spec) {
    const int type = spec.proto == Proto::tcp ? SOCK_STREAM : SOCK_DGRAM;
    Fd fd(::socket(spec.ipv6_socket ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) throw std::system_error(errno, std::generic_category(), "socket");
    if (spec.ipv6_socket) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, spec.v6only ? 1 : 0, "IPV6_V6ONLY");
    if (spec.sharing == Sharing::reuseaddr) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    if (spec.sharing == Sharing::reuseport) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
    const char* device = device_name(spec.device);
    if (*device != '\0')
        must(::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, device, static_cast<socklen_t>(std::strlen(device))),
             "SO_BINDTODEVICE");
    return fd;
}

/// false: refused.
bool bind_to(const Fd& fd, const SocketSpec& spec) {
    const SocketName name = name_of(spec.local, spec.ipv6_socket);
    if (::bind(fd.get(), name.get(), name.size) == 0) return true;
    if (!is_refusal(errno)) throw std::system_error(errno, std::generic_category(), "bind " + spec.describe());
    return false;
}

bool connect_to(const Fd& fd, const SocketSpec& spec) {
    const SocketName name = name_of(*spec.remote, spec.ipv6_socket);
    if (::connect(fd.get(), name.get(), name.size) == 0) return true;
    if (!is_refusal(errno)) throw std::system_error(errno, std::generic_category(), "connect " + spec.describe());
    return false;
}

void set_sequence(const Fd& fd, int queue, std::uint32_t sequence) {
    set_option(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue, "TCP_REPAIR_QUEUE");
    set_option(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, static_cast<int>(sequence), "TCP_QUEUE_SEQ");
}

/// Both ends may send, though neither has told the other a window.
void open_window(const Fd& fd, std::uint32_t received) {
    tcp_repair_window window{};
    window.snd_wl1 = received;
    window.snd_wnd = window.max_window = window.rcv_wnd = 65'535;
    window.rcv_wup = received;
    must(::setsockopt(fd.get(), IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof window), "TCP_REPAIR_WINDOW");
}

/// A TCP connection without a handshake (TCP_REPAIR), so with any 4-tuple.
Fd make_connection(const SocketSpec& spec, std::uint32_t sent, std::uint32_t received) {
    Fd fd = make_socket(spec);
    set_option(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON, "TCP_REPAIR");
    set_sequence(fd, TCP_SEND_QUEUE, sent);
    set_sequence(fd, TCP_RECV_QUEUE, received);
    if (!bind_to(fd, spec) || !connect_to(fd, spec)) return Fd();
    open_window(fd, received);
    set_option(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP, "TCP_REPAIR");
    return fd;
}

std::uint32_t ifindex_of(const SocketSpec& spec) {
    return spec.device == Port::any ? 0 : interface_by_name(device_name(spec.device)).value().ifindex;
}

bool is_time_wait(const SocketSpec& spec) {
    const auto found = find_host_socket({spec.proto, spec.local, *spec.remote}, ifindex_of(spec));
    return found && *found && (*found)->state == HostSocketState::time_wait;
}

/// Closed from here first, then from there. false: refused.
bool make_time_wait(const SocketSpec& spec, const std::string& peer) {
    SocketSpec there = spec;
    std::swap(there.local, *there.remote);
    there.device = Port::any;
    Fd near = make_connection(spec, sent_sequence, received_sequence);
    if (!near.valid()) return false;
    Fd far;
    {
        const auto scope = NetnsScope::enter(peer);
        if (!scope) throw std::runtime_error(scope.error().message());
        far = make_connection(there, received_sequence, sent_sequence);
    }
    if (!far.valid()) {
        set_option(near, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON, "TCP_REPAIR");
        return false;
    }
    near.reset();
    char byte = 0;
    if (!test::wait_until([&] { return ::recv(far.get(), &byte, 1, 0) == 0; }))
        throw std::runtime_error("the other end saw no end: " + spec.describe());
    far.reset();
    if (!test::wait_until([&] { return is_time_wait(spec); }))
        throw std::runtime_error("no TIME_WAIT: " + spec.describe());
    return true;
}

/// Invalid: refused.
Fd make_live(const SocketSpec& spec) {
    if (spec.kind == SocketKind::connected && spec.proto == Proto::tcp)
        return make_connection(spec, sent_sequence, received_sequence);
    Fd fd = make_socket(spec);
    if (!bind_to(fd, spec)) return Fd();
    if (spec.kind == SocketKind::connected) return connect_to(fd, spec) ? std::move(fd) : Fd();
    if (spec.proto == Proto::tcp && ::listen(fd.get(), 64) != 0) {
        if (is_refusal(errno)) return Fd();
        throw std::system_error(errno, std::generic_category(), "listen " + spec.describe());
    }
    return fd;
}

}  // namespace

SocketName name_of(const SocketAddress& address, bool ipv6_socket) {
    SocketName name;
    const auto& bytes = address.address.bytes();
    if (!ipv6_socket) {
        auto* ipv4 = reinterpret_cast<sockaddr_in*>(&name.storage);
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(address.port);
        std::memcpy(&ipv4->sin_addr, bytes.data(), 4);
        name.size = sizeof *ipv4;
        return name;
    }
    auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&name.storage);
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(address.port);
    name.size = sizeof *ipv6;
    if (address.address.family() == Family::ipv6) {
        std::memcpy(&ipv6->sin6_addr, bytes.data(), 16);
        return name;
    }
    ipv6->sin6_addr.s6_addr[10] = ipv6->sin6_addr.s6_addr[11] = 0xff;
    std::memcpy(ipv6->sin6_addr.s6_addr + 12, bytes.data(), 4);
    return name;
}

LiveSockets::LiveSockets(const std::vector<SocketSpec>& specs, const std::string& peer) {
    for (const SocketSpec& spec : specs) {
        Fd fd;
        if (spec.kind == SocketKind::time_wait) {
            if (!make_time_wait(spec, peer)) continue;
        } else {
            fd = make_live(spec);
            if (!fd.valid()) continue;
        }
        sockets_.push_back({spec, std::move(fd)});
        specs_.push_back(spec);
    }
}

LiveSockets::~LiveSockets() {
    for (const LiveSocket& socket : sockets_) {
        // A connection that is under repair goes without a word to its other end, which there is not.
        const int on = TCP_REPAIR_ON;
        if (socket.spec.proto == Proto::tcp && socket.spec.kind == SocketKind::connected)
            ::setsockopt(socket.fd.get(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on);
    }
}

}  // namespace xdemux::oracle
