// SPDX-License-Identifier: BSD-2-Clause
// Which of the host's sockets hear a packet, and in which order the kernel considers them (inet_lookup(), udp's
// compute_score()). Pure, and only to say why one lost: who wins is the kernel's own answer.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include <xdemux/kernel/sock_diag.h>
#include <xdemux/policy/flow.h>

namespace xdemux {

/// Whether the packet, which comes in by the device, could reach the socket if it were the only one.
bool hears(const HostSocket& socket, const FlowKey& packet, std::uint32_t ifindex);

/// Smaller comes first.
struct HostRank {
    bool unconnected = false;
    bool wildcard = false;
    bool unbound = false;
    bool other_family = false;  ///< a dual-stack socket that is to hear IPv4

    friend constexpr auto operator<=>(const HostRank&, const HostRank&) = default;
};
HostRank host_rank(const HostSocket& socket, const FlowKey& packet);

/// What the first has before the other, as why_first() of listeners.
std::string_view why_first(const HostRank& first, const HostRank& other);

}  // namespace xdemux
