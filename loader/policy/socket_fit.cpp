// SPDX-License-Identifier: BSD-2-Clause
#include <fmt/format.h>

#include <xdemux/policy/socket_fit.h>

namespace xdemux {

std::string SocketKind::to_string() const {
    if (family == Family::ipv4) return fmt::format("{}, IPv4", proto_name(proto));
    return fmt::format("{}, {}", proto_name(proto), v6only ? "IPv6" : "IPv6 and IPv4");
}

std::optional<std::string> misfit(const SocketKind& socket, const Listener& listener) {
    if (listener.proto != socket.proto)
        return fmt::format("it is a {} socket; register a {} one", proto_name(socket.proto),
                           proto_name(listener.proto));
    const Scope scope = listener.scope();
    if (scope != Scope::ipv4 && socket.family == Family::ipv4)
        return scope == Scope::dual
                   ? fmt::format(
                         "it takes IPv4 alone, and the listener hears IPv6 too; use 0.0.0.0:{}, or register an "
                         "IPv6 socket, which takes both",
                         listener.local.ports.to_string())
                   : std::string("it takes IPv4 alone; register an IPv6 socket");
    if (scope != Scope::ipv6 && socket.family == Family::ipv6 && socket.v6only)
        return scope == Scope::dual ? "it takes IPv6 alone (IPV6_V6ONLY), and the listener hears IPv4 too; use --v6only"
                                    : "it takes IPv6 alone (IPV6_V6ONLY); register an IPv4 socket";
    return std::nullopt;
}

}  // namespace xdemux
