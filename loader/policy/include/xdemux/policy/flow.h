// SPDX-License-Identifier: BSD-2-Clause
// A flow: the exact 4-tuple of a protocol, and what is known of it. Values only; the flow table is in the kernel.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/proto.h>
#include <xdemux/policy/target.h>

namespace xdemux {

struct FlowKey {
    Proto proto = Proto::tcp;
    SocketAddress local;
    SocketAddress remote;

    /// The words of `flow add`: PROTO LOCAL REMOTE. ErrorKind::usage; what parses is valid.
    static Result<FlowKey> parse(std::string_view proto, std::string_view local, std::string_view remote);

    /// Both ends of one family, with ports, and neither a wildcard, multicast or broadcast. ErrorKind::usage.
    [[nodiscard]] Status validate() const;
    /// `tcp 192.0.2.1:443 198.51.100.7:50000`
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const FlowKey&, const FlowKey&) = default;
};

struct Flow {
    FlowKey key;
    Target target;
    std::string state;  ///< as the table prints it: "ESTAB"
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;         ///< frame lengths at XDP
    std::uint64_t last_seen_ns = 0;  ///< CLOCK_MONOTONIC, coarse; 0 = never
};

}  // namespace xdemux
