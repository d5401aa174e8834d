// SPDX-License-Identifier: BSD-2-Clause
#include "guard_maps.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/grace.h>

namespace xdemux {
namespace {

using Stays = std::function<bool(std::uint32_t listener)>;

bool is_clear(const contract::guard& guard) {
    return guard.packet_ns == 0 && guard.prefixes == 0;
}

using SourcesById = std::map<std::uint32_t, std::vector<Prefix>>;

Status read_sources(const Tables& tables, SourcesById& sources) {
    auto walked = tables.guard_sources.for_each([&](const contract::guard_source& key, const auto&) {
        sources[key.listener].push_back(decode(key));
        return true;
    });
    for (auto& [id, list] : sources)
        sort_sources(list);
    return walked;
}

/// The keys of a table whose listener does not stay. Collected first: a walk does not bear that others are erased.
template <typename Table, typename Key>
Status erase_others(const Table& table, const Stays& stays, std::vector<Key> keys = {}) {
    const auto walked = table.for_each([&](const Key& key, const auto&) {
        if (!stays(key.listener)) keys.push_back(key);
        return true;
    });
    if (!walked) return walked;
    for (const Key& key : keys) {
        if (auto erased = table.erase(key); !erased) return fail(erased.error());
    }
    return {};
}

Status erase_rates(const Tables& tables, const Stays& stays) {
    return erase_others<decltype(tables.guard_rates), contract::guard_client>(tables.guard_rates, stays);
}

std::size_t count_sources(const Listener& listener) {
    return listener.guard.sources.size();
}

}  // namespace

Status read_guards(const Tables& tables, const std::vector<std::uint32_t>& guarded, std::vector<Listener>& listeners) {
    if (guarded.empty()) return {};
    SourcesById sources;
    if (auto read = read_sources(tables, sources); !read) return read;
    for (Listener& listener : listeners) {
        if (!std::binary_search(guarded.begin(), guarded.end(), listener.id)) continue;
        const auto stored = tables.guards.find(listener.id);
        if (!stored) return fail(stored.error());
        const contract::guard guard = stored->value_or(contract::guard{});
        std::vector<Prefix>& list = sources[listener.id];
        if (is_clear(guard) || list.size() != guard.prefixes)
            return fail(ErrorKind::failed,
                        fmt::format("the guard of listener {} is not whole in the tables; try again, or run "
                                    "xdemux unload",
                                    listener.describe()));
        listener.guard = {std::move(list), decode_rate(guard)};
    }
    return {};
}

Status check_guard_room(const Tables& tables, const ListenerSet& present, const std::vector<Listener>& added) {
    std::size_t needed = 0;
    for (const auto& [id, listener] : present.listeners())
        needed += count_sources(listener);
    for (const Listener& listener : added)
        needed += count_sources(listener);
    const auto& table = tables.guard_sources.handle();
    if (needed <= table.capacity()) return {};
    return fail(ErrorKind::full,
                fmt::format("table \"{}\" holds {} sources and the change takes {}, those that it replaces included; "
                            "use fewer and shorter prefixes, or unload the instance and attach anew with more "
                            "--listeners",
                            table.name(), table.capacity(), needed));
}

Status write_guards(const Tables& tables, const std::vector<Listener>& listeners) {
    // Under the instance's lock, and a guard takes longer to write than a nanosecond: none had this serial before.
    std::uint64_t serial = precise_now_ns();
    for (const Listener& listener : listeners) {
        if (listener.guard.empty()) continue;
        for (const Prefix& source : listener.guard.sources) {
            if (auto put = tables.guard_sources.put(encode_source(listener.id, source), {listener.id}); !put)
                return put;
        }
        contract::guard guard = encode(listener.guard);
        guard.serial = ++serial;
        if (auto put = tables.guards.put(listener.id, guard); !put) return put;
    }
    return {};
}

Status clear_guards(const Tables& tables, const std::vector<Listener>& listeners) {
    const auto guarded = [](const Listener& listener) { return !listener.guard.empty(); };
    if (std::none_of(listeners.begin(), listeners.end(), guarded)) return {};
    wait_for_packets_under_way();
    std::vector<std::uint32_t> rated;
    for (const Listener& listener : listeners) {
        if (!guarded(listener)) continue;
        if (auto put = tables.guards.put(listener.id, {}); !put) return put;
        for (const Prefix& source : listener.guard.sources) {
            if (auto erased = tables.guard_sources.erase(encode_source(listener.id, source)); !erased)
                return fail(erased.error());
        }
        if (listener.guard.rate) rated.push_back(listener.id);
    }
    if (rated.empty()) return {};
    std::sort(rated.begin(), rated.end());
    return erase_rates(tables, [&](std::uint32_t id) { return !std::binary_search(rated.begin(), rated.end(), id); });
}

Status sweep_guards(const Tables& tables, const Stays& stays) {
    wait_for_packets_under_way();
    std::vector<std::uint32_t> gone;
    auto walked = tables.guards.for_each([&](std::uint32_t id, const contract::guard& guard) {
        if (!is_clear(guard) && !stays(id)) gone.push_back(id);
        return true;
    });
    if (!walked) return walked;
    for (const std::uint32_t id : gone) {
        if (auto put = tables.guards.put(id, {}); !put) return put;
    }
    auto erased = erase_others<decltype(tables.guard_sources), contract::guard_source>(tables.guard_sources, stays);
    return erased ? erase_rates(tables, stays) : erased;
}

}  // namespace xdemux
