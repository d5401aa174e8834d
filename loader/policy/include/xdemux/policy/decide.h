// SPDX-License-Identifier: BSD-2-Clause
// Steps 2 to 5 of the precedence, straight from their definition: which listener a packet belongs to, by which step,
// and whether that listener admits its source. Slow and obviously right: the reference for tests and for `explain`,
// never a data path.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

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
    bool local = true;                ///< the destination is this host's; wildcards speak for no other
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
/// The same among these alone, which are in the order of their ids.
Decision decide(std::span<const Listener* const> listeners, const PacketFacts& packet);

/// The listeners of the set that hear the packet at all, by id; they live as long as the set.
std::vector<const Listener*> hearers(const ListenerSet& listeners, const PacketFacts& packet);

/// Of two listeners that hear the same packet, why the first answers: what it is or has that comes before the other, as
/// in "is more specific (exact address before wildcard)".
std::string_view why_first(const Listener& first, const Listener& other);

}  // namespace xdemux
