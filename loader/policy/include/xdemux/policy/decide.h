// SPDX-License-Identifier: BSD-2-Clause
// Steps 2 to 5 of the precedence, straight from their definition: which listener a packet belongs to, by which step,
// and whether that listener admits its source. Slow and obviously right: the reference for tests and for `explain`,
// never a data path.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <xdemux/policy/address.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

/// What of a packet decides about its listener.
struct PacketFacts {
    Proto proto = Proto::tcp;
    Address destination;
    std::uint16_t port = 0;           ///< destination, host order
    std::uint32_t ifindex = 0;        ///< where it came in
    std::optional<Address> source{};  ///< none: one that every listener admits
};

/// Named as the reasons are.
enum class ListenerStep : std::uint8_t {
    none,
    listener_exact,
    listener_prefix,
    listener_wildcard,
    listener_all_ports,
};
std::string_view listener_step_name(ListenerStep step);

struct Decision {
    std::uint32_t listener = 0;  ///< 0 = none; of a reuseport group the lowest id
    ListenerStep step = ListenerStep::none;
    bool source_denied = false;  ///< the listener's guard does not admit the source; rates are not looked at

    friend constexpr bool operator==(const Decision&, const Decision&) = default;
};

/// A packet to port 0 has no listener, whatever the set.
Decision decide(const ListenerSet& listeners, const PacketFacts& packet);

}  // namespace xdemux
