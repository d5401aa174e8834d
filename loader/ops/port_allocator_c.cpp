// SPDX-License-Identifier: BSD-2-Clause
#include <array>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <xdemux/ops/port_allocator.h>
#include <xdemux/ops/port_allocator_c.h>

#include "c_api.h"

struct xdemux_ports {
    xdemux::PortAllocator allocator;
};

namespace xdemux {
namespace {

Result<Proto> proto_of(int protocol) {
    if (protocol == IPPROTO_TCP) return Proto::tcp;
    if (protocol == IPPROTO_UDP) return Proto::udp;
    return fail(ErrorKind::usage, "the protocol is neither IPPROTO_TCP nor IPPROTO_UDP");
}

Result<SocketAddress> address_of(const sockaddr* address) {
    if (address != nullptr && address->sa_family == AF_INET) {
        sockaddr_in from{};
        std::memcpy(&from, address, sizeof from);
        std::array<std::uint8_t, 4> bytes{};
        std::memcpy(bytes.data(), &from.sin_addr, bytes.size());
        return SocketAddress{Address::ipv4(bytes), ntohs(from.sin_port)};
    }
    if (address != nullptr && address->sa_family == AF_INET6) {
        sockaddr_in6 from{};
        std::memcpy(&from, address, sizeof from);
        Address::Bytes bytes{};
        std::memcpy(bytes.data(), &from.sin6_addr, bytes.size());
        return SocketAddress{Address::ipv6(bytes), ntohs(from.sin6_port)};
    }
    return fail(ErrorKind::usage, "an address is neither AF_INET nor AF_INET6");
}

/// What a call is about.
struct Ends {
    Proto proto;
    SocketAddress local, remote;
};

Result<Ends> ends_of(int protocol, const sockaddr* local, const sockaddr* remote) {
    const auto proto = proto_of(protocol);
    if (!proto) return fail(proto.error());
    const auto from = address_of(local);
    if (!from) return fail(from.error());
    const auto to = address_of(remote);
    if (!to) return fail(to.error());
    return Ends{*proto, *from, *to};
}

void set_port(sockaddr* address, std::uint16_t port) {
    const std::uint16_t wire = htons(port);
    const std::size_t offset =
        address->sa_family == AF_INET ? offsetof(sockaddr_in, sin_port) : offsetof(sockaddr_in6, sin6_port);
    std::memcpy(reinterpret_cast<char*>(address) + offset, &wire, sizeof wire);
}

Result<PortAllocatorOptions> options_of(const xdemux_ports_options* given) {
    PortAllocatorOptions options;
    if (given == nullptr) return options;
    if (given->owner != nullptr) options.owner = given->owner;
    if (given->algorithm != nullptr) {
        const auto algorithm = parse_port_algorithm(given->algorithm);
        if (!algorithm) return fail(algorithm.error());
        options.algorithm = *algorithm;
    }
    if (given->range_first != 0) {
        if (given->range_first > given->range_last) return fail(ErrorKind::usage, "the range runs backwards");
        options.range = PortRange{given->range_first, given->range_last};
    }
    options.quota = given->quota;
    options.times.ttl = std::chrono::seconds(given->ttl_seconds);
    options.reuse_time_wait = given->reuse_time_wait != 0;
    return options;
}

}  // namespace
}  // namespace xdemux

using namespace xdemux;

int xdemux_ports_open(const char* instance, const xdemux_ports_options* options, xdemux_ports** ports, char* message,
                      size_t size) {
    return guarded({message, size}, [&]() -> Status {
        if (instance == nullptr || ports == nullptr) return fail(ErrorKind::usage, "an argument is missing");
        *ports = nullptr;
        const auto decoded = options_of(options);
        if (!decoded) return fail(decoded.error());
        auto opened = PortAllocator::open(instance, *decoded);
        if (!opened) return fail(opened.error());
        *ports = new xdemux_ports{std::move(*opened)};
        return {};
    });
}

void xdemux_ports_close(xdemux_ports* ports) {
    delete ports;
}

int xdemux_ports_lease(xdemux_ports* ports, int protocol, sockaddr* local, const sockaddr* remote, char* message,
                       size_t size) {
    return guarded({message, size}, [&]() -> Status {
        const auto ends = ends_of(protocol, local, remote);
        if (!ends) return fail(ends.error());
        const auto leased = ports->allocator.lease(ends->proto, ends->local.address, ends->remote);
        if (!leased) return fail(leased.error());
        set_port(local, leased->port);
        return {};
    });
}

int xdemux_ports_release(xdemux_ports* ports, int protocol, const sockaddr* local, const sockaddr* remote,
                         char* message, size_t size) {
    return guarded({message, size}, [&]() -> Status {
        const auto ends = ends_of(protocol, local, remote);
        if (!ends) return fail(ends.error());
        return ports->allocator.release(ends->proto, ends->local, ends->remote);
    });
}

int xdemux_ports_sweep(xdemux_ports* ports, char* message, size_t size) {
    return guarded({message, size}, [&]() -> Status {
        const auto swept = ports->allocator.sweep();
        if (!swept) return fail(swept.error());
        return {};
    });
}
