// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <unordered_map>
#include <utility>

#include <xdemux/policy/listener_tables.h>

namespace xdemux {
namespace {

constexpr std::size_t index_of(Family family) {
    return static_cast<std::size_t>(family);
}

ExactForm exact_form(const ListenerPlace& place) {
    if (place.form == LocalForm::exact) return ExactForm::address;
    switch (place.scope) {
        case Scope::ipv4:
            return ExactForm::wildcard_ipv4;
        case Scope::ipv6:
            return ExactForm::wildcard_ipv6;
        case Scope::dual:
            break;
    }
    return ExactForm::wildcard_dual;
}

std::uint8_t hint_of(const ListenerPlace& place) {
    const bool bound = place.ifindex != 0;
    switch (place.form) {
        case LocalForm::exact:
            return bound ? hint_exact_bound : hint_exact;
        case LocalForm::prefix:
            return bound ? hint_prefix_bound : hint_prefix;
        case LocalForm::wildcard:
            break;
    }
    return bound ? hint_wildcard_bound : 0;
}

/// Whether its answer stands in the slots themselves, and in no table.
bool lives_in_slots(const ListenerPlace& place) {
    return place.form == LocalForm::wildcard && place.ifindex == 0;
}

/// Gathers the tables place by place.
class Compiler {
  public:
    explicit Compiler(const ListenerSet& listeners) : listeners_(listeners) {}

    ListenerTables run() && {
        const ListenerTableSizes sizes = table_sizes(listeners_);
        tables_.exact.reserve(sizes.exact);
        tables_.prefixes.reserve(sizes.prefixes);
        for (const auto& [place, intervals] : listeners_.places()) {
            for (const auto& [first, segment] : intervals.segments()) {
                const Answer answer = answer_of(segment.holders.front());
                for (std::uint32_t port = first; port <= segment.last; ++port) {
                    add(place, static_cast<std::uint16_t>(port), answer);
                }
            }
        }
        assert(sorted_by_key(tables_.exact));
        assert(sorted_by_key(tables_.prefixes));
        take_slots();
        return std::move(tables_);
    }

  private:
    template <typename Entry>
    static bool key_less(const Entry& a, const Entry& b) {
        return a.key < b.key;
    }

    /// Places come in the order of the keys (see ExactKey), and ports ascend within a place.
    template <typename Entry>
    static bool sorted_by_key(const std::vector<Entry>& entries) {
        return std::is_sorted(entries.begin(), entries.end(), key_less<Entry>);
    }

    Answer answer_of(std::uint32_t id) const {
        const Listener& listener = listeners_.listeners().at(id);
        return {id, entry_kind(listener.target.kind), !listener.guard.empty()};
    }

    Slot& slot(Proto proto, std::uint16_t port) { return slots_[static_cast<unsigned>(proto) << 16U | port]; }

    void add(const ListenerPlace& place, std::uint16_t port, Answer answer) {
        if (lives_in_slots(place)) {
            add_wildcard(place, port, answer);
            return;
        }
        add_hint(place, port);
        if (place.form == LocalForm::prefix) {
            tables_.prefixes.push_back({{place.proto, place.prefix, place.ifindex, port}, answer});
        } else {
            tables_.exact.push_back(
                {{place.proto, exact_form(place), place.prefix.address, place.ifindex, port}, answer});
        }
    }

    void add_hint(const ListenerPlace& place, std::uint16_t port) {
        auto& hints = slot(place.proto, port).hints;
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            if (hears(place.scope, family)) hints[index_of(family)] |= hint_of(place);
        }
    }

    void add_wildcard(const ListenerPlace& place, std::uint16_t port, Answer answer) {
        Slot& into = slot(place.proto, port);
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            if (!hears(place.scope, family)) continue;
            Answer& standing = into.wildcard[index_of(family)];
            std::uint8_t& hints = into.hints[index_of(family)];
            const bool dual = place.scope == Scope::dual;
            if (dual && standing.listener != 0) continue;
            standing = answer;
            hints = static_cast<std::uint8_t>(hints & ~unsigned{hint_wildcard_dual | hint_wildcard_guarded});
            if (dual) hints |= hint_wildcard_dual;
            if (answer.guarded) hints |= hint_wildcard_guarded;
        }
    }

    void take_slots() {
        tables_.slots.reserve(slots_.size());
        for (const auto& [index, slot] : slots_) {
            const SlotKey key{static_cast<Proto>(index >> 16U), static_cast<std::uint16_t>(index & 0xffffU)};
            tables_.slots.push_back({key, slot});
        }
        std::sort(tables_.slots.begin(), tables_.slots.end(), key_less<SlotEntry>);
    }

    const ListenerSet& listeners_;
    std::unordered_map<std::uint32_t, Slot> slots_;  ///< by (protocol << 16) | port; none is empty
    ListenerTables tables_;
};

/// Walks two tables sorted by key side by side.
template <typename Entry, typename Put, typename Erase>
void compare(const std::vector<Entry>& from, const std::vector<Entry>& to, Put put, Erase erase) {
    auto old = from.begin();
    auto now = to.begin();
    while (old != from.end() || now != to.end()) {
        if (now == to.end() || (old != from.end() && old->key < now->key)) {
            erase(old->key);
            ++old;
        } else if (old == from.end() || now->key < old->key) {
            put(*now);
            ++now;
        } else {
            if (old->value != now->value) put(*now);
            ++old;
            ++now;
        }
    }
}

}  // namespace

ListenerTableSizes table_sizes(const ListenerSet& listeners) {
    ListenerTableSizes sizes;
    for (const auto& [place, intervals] : listeners.places()) {
        if (lives_in_slots(place)) continue;
        std::size_t& count = place.form == LocalForm::prefix ? sizes.prefixes : sizes.exact;
        for (const auto& [first, segment] : intervals.segments())
            count += segment.last - std::size_t{first} + 1;
    }
    return sizes;
}

ListenerTables compile(const ListenerSet& listeners) {
    return Compiler(listeners).run();
}

bool TablesDelta::empty() const {
    return exact_put.empty() && exact_erase.empty() && prefix_put.empty() && prefix_erase.empty() && slots_put.empty();
}

TablesDelta diff(const ListenerTables& from, const ListenerTables& to) {
    TablesDelta delta;
    compare(
        from.exact, to.exact, [&](const ExactEntry& entry) { delta.exact_put.push_back(entry); },
        [&](const ExactKey& key) { delta.exact_erase.push_back(key); });
    compare(
        from.prefixes, to.prefixes, [&](const PrefixEntry& entry) { delta.prefix_put.push_back(entry); },
        [&](const PrefixKey& key) { delta.prefix_erase.push_back(key); });
    compare(
        from.slots, to.slots, [&](const SlotEntry& entry) { delta.slots_put.push_back(entry); },
        [&](const SlotKey& key) {
            delta.slots_put.push_back({key, Slot{}});
        });
    return delta;
}

}  // namespace xdemux
