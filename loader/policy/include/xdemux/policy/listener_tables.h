// SPDX-License-Identifier: BSD-2-Clause
// The data path's view of the listeners: what stands in the port slots, in the table of exact endpoints and in the
// table of prefixes, and the difference between two such views. Pure: it knows neither maps nor their layout.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <xdemux/policy/address.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/proto.h>
#include <xdemux/policy/target.h>

namespace xdemux {

/// Which listener a look-up finds. Of a reuseport group the member with the lowest id answers.
struct Answer {
    std::uint32_t listener = 0;            ///< 0 = none
    TargetKind target = TargetKind::pass;  ///< its entry_kind()
    bool guarded = false;                  ///< the listener has a guard, which is to be asked

    friend constexpr bool operator==(const Answer&, const Answer&) = default;
};

/// What else to ask for a packet to this port; what is not set is not looked up.
enum SlotHint : std::uint8_t {
    hint_exact = 1,              ///< an exact address, unbound
    hint_exact_bound = 2,        ///< an exact address, bound to some device
    hint_prefix = 4,             ///< a prefix, unbound
    hint_prefix_bound = 8,       ///< a prefix, bound to some device
    hint_wildcard_bound = 16,    ///< a wildcard (of the family or dual-stack) bound to some device
    hint_wildcard_dual = 32,     ///< the slot's wildcard answer is dual-stack: a bound dual-stack one comes before it
    hint_wildcard_guarded = 64,  ///< the slot's wildcard answer is `guarded`
};

/// One protocol's port, both arrays by the packet's Family. The slot of port 0 stands for all ports (`*`).
struct Slot {
    std::array<Answer, 2> wildcard{};     ///< unbound wildcards: of the family, else dual-stack
    std::array<std::uint8_t, 2> hints{};  ///< SlotHint bits

    [[nodiscard]] constexpr bool empty() const { return *this == Slot{}; }
    friend constexpr bool operator==(const Slot&, const Slot&) = default;
};

struct SlotKey {
    Proto proto = Proto::tcp;
    std::uint16_t port = 0;  ///< host order; 0 = all ports

    friend constexpr auto operator<=>(const SlotKey&, const SlotKey&) = default;
};

/// What the address of an exact entry is: an address, or (device-bound listeners only) a wildcard of a scope.
enum class ExactForm : std::uint8_t { address, wildcard_ipv4, wildcard_ipv6, wildcard_dual };

/// Ordered as the ListenerSet's places are, so that compile() has nothing to sort.
struct ExactKey {
    Proto proto = Proto::tcp;
    ExactForm form = ExactForm::address;
    Address address;            ///< of a wildcard: 0.0.0.0 or ::
    std::uint32_t ifindex = 0;  ///< 0 = unbound
    std::uint16_t port = 0;     ///< host order; 0 = all ports

    friend constexpr auto operator<=>(const ExactKey&, const ExactKey&) = default;
};

/// Ordered as ExactKey is.
struct PrefixKey {
    Proto proto = Proto::tcp;
    Prefix prefix;
    std::uint32_t ifindex = 0;  ///< 0 = unbound
    std::uint16_t port = 0;     ///< host order; 0 = all ports

    friend constexpr auto operator<=>(const PrefixKey&, const PrefixKey&) = default;
};

template <typename Key, typename Value>
struct TableEntry {
    Key key;
    Value value;

    friend constexpr bool operator==(const TableEntry&, const TableEntry&) = default;
};

using SlotEntry = TableEntry<SlotKey, Slot>;
using ExactEntry = TableEntry<ExactKey, Answer>;
using PrefixEntry = TableEntry<PrefixKey, Answer>;

/// All of it sorted by key, each key once. Slots: those that are not empty. A range has an entry for each port.
struct ListenerTables {
    std::vector<SlotEntry> slots;
    std::vector<ExactEntry> exact;
    std::vector<PrefixEntry> prefixes;

    friend bool operator==(const ListenerTables&, const ListenerTables&) = default;
};

/// How many entries compile() would make: to be asked before a set of wide ranges is expanded.
struct ListenerTableSizes {
    std::size_t exact = 0;
    std::size_t prefixes = 0;
};
ListenerTableSizes table_sizes(const ListenerSet& listeners);

ListenerTables compile(const ListenerSet& listeners);

/// What turns one view into another. To let no packet fall between, put entries first, then the slots (their hints
/// lead to what is put), then erase.
struct TablesDelta {
    std::vector<ExactEntry> exact_put;  ///< new or changed
    std::vector<ExactKey> exact_erase;
    std::vector<PrefixEntry> prefix_put;
    std::vector<PrefixKey> prefix_erase;
    std::vector<SlotEntry> slots_put;  ///< new or changed; an empty slot is one to clear

    [[nodiscard]] bool empty() const;
};
TablesDelta diff(const ListenerTables& from, const ListenerTables& to);

}  // namespace xdemux
