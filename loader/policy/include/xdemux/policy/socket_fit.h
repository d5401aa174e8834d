// SPDX-License-Identifier: BSD-2-Clause
// Which packets a socket can take, by protocol and family, as the kernel has it (bpf_sk_lookup_assign()): a listener
// that leads to one must hear no others. It knows no particular socket.
#pragma once

#include <optional>
#include <string>

#include <xdemux/policy/address.h>
#include <xdemux/policy/listener.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

struct SocketKind {
    Proto proto = Proto::tcp;
    Family family = Family::ipv4;
    bool v6only = false;  ///< of an IPv6 one: without it, it takes IPv4 too

    /// "tcp, IPv4", "udp, IPv6", "tcp, IPv6 and IPv4".
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const SocketKind&, const SocketKind&) = default;
};

/// Why the socket cannot take all that the listener hears, and what to do; none: it can.
std::optional<std::string> misfit(const SocketKind& socket, const Listener& listener);

}  // namespace xdemux
