// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstring>
#include <map>
#include <vector>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/grace.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/locals.h>

#include "epoch.h"

namespace xdemux {
namespace {

Result<LocalTables> wanted_locals(const Instance& instance, const std::set<Prefix>& named) {
    const auto routes = local_routes();
    if (!routes) return fail(routes.error());
    const auto all = interfaces();
    if (!all) return fail(all.error());
    LocalFacts facts{*routes, {}, false, named, *all};
    const auto links = instance.pins().links();
    if (!links) return fail(links.error());
    for (const auto& link : *links)
        facts.attached.insert(link.ifindex);
    facts.loopback_attached = std::ranges::any_of(
        *all, [&](const Interface& each) { return each.loopback && facts.attached.contains(each.ifindex); });
    return plan_locals(facts);
}

struct ByBytes {
    bool operator()(const contract::local_route& one, const contract::local_route& other) const {
        return std::memcmp(&one, &other, sizeof one) < 0;
    }
};

/// What local_routes holds: prefixes and link addresses alike, so that nothing has to be decoded.
using Entries = std::map<contract::local_route, contract::local_source, ByBytes>;

Entries entries_of(const LocalTables& wanted) {
    Entries entries;
    for (const auto& [prefix, source] : wanted.routes)
        entries.emplace(encode_local(prefix), source);
    for (const auto& [link, source] : wanted.links)
        entries.emplace(encode_local(link), source);
    return entries;
}

Result<Entries> present_entries(const Tables& tables) {
    Entries present;
    const auto walked =
        tables.local_routes.for_each([&](const contract::local_route& key, const contract::local_entry& entry) {
            present.emplace(key, entry.source);
            return true;
        });
    if (!walked) return fail(walked.error());
    return present;
}

Result<contract::local_hot> present_hot(const Tables& tables) {
    const auto present = tables.local_hot.find(0);
    if (!present) return fail(present.error());
    return present->value_or(contract::local_hot{});
}

/// In the epoch of `present`, which is not to be changed here.
contract::local_hot beside(const contract::local_hot& present, contract::local_hot hot) {
    hot.epoch = present.epoch;
    return hot;
}

bool is_same(const contract::local_hot& one, const contract::local_hot& other) {
    return std::memcmp(&one, &other, sizeof one) == 0;
}

/// A packet may read some places before a change and some after it, and so miss an address that moves from one to
/// another. Hence all that miss are sent to local_routes meanwhile, which has every address: the old line says so
/// before the first place changes, and the new one no longer than a packet of that time is under way.
Status write_hot(const Tables& tables, const contract::local_hot& wanted) {
    const auto present = present_hot(tables);
    if (!present) return fail(present.error());
    const contract::local_hot hot = beside(*present, wanted);
    if (is_same(*present, hot)) return {};
    contract::local_hot before = *present, after = hot;
    std::ranges::fill(before.more, __u8{1});
    std::ranges::fill(after.more, __u8{1});
    for (const auto* line : {&before, &after}) {
        if (auto put = tables.local_hot.put(0, *line); !put) return put;
        wait_for_packets_under_way();
    }
    return tables.local_hot.put(0, hot);
}

struct Change {
    std::vector<std::pair<contract::local_route, contract::local_source>> put;
    std::vector<contract::local_route> erase;

    [[nodiscard]] bool empty() const { return put.empty() && erase.empty(); }
};

Change change_of(const Entries& present, const Entries& wanted) {
    Change change;
    for (const auto& [key, source] : wanted) {
        const auto found = present.find(key);
        if (found == present.end() || found->second != source) change.put.emplace_back(key, source);
    }
    for (const auto& [key, source] : present)
        if (!wanted.contains(key)) change.erase.push_back(key);
    return change;
}

/// Adds, then the cache line that may point to what was added, then removes.
Status write_change(const Tables& tables, const Change& change, const contract::local_hot& hot) {
    for (const auto& [key, source] : change.put) {
        if (auto put = tables.local_routes.put(key, {source}); !put) return put;
    }
    if (auto put = write_hot(tables, hot); !put) return put;
    for (const auto& key : change.erase) {
        if (auto erased = tables.local_routes.erase(key); !erased) return fail(erased.error());
    }
    return {};
}

/// A change that a killed writer began is ended here even where he had written all of it.
Status write_locals(const Tables& tables, const LocalTables& plan) {
    const auto entries = present_entries(tables);
    if (!entries) return fail(entries.error());
    const auto hot = present_hot(tables);
    if (!hot) return fail(hot.error());
    const Change change = change_of(*entries, entries_of(plan));
    if (change.empty() && is_same(*hot, beside(*hot, plan.hot))) return end_change(tables);
    return change_epoch(tables, [&] { return write_change(tables, change, plan.hot); });
}

}  // namespace

Status refresh_locals(Instance& instance) {
    const auto listeners = read_listeners(instance);
    if (!listeners) return fail(listeners.error());
    return refresh_locals(instance, named_prefixes(*listeners));
}

Status refresh_locals(Instance& instance, const std::set<Prefix>& named) {
    assert(instance.writable());
    const auto wanted = wanted_locals(instance, named);
    if (!wanted) return fail(wanted.error());
    return write_locals(instance.tables(), *wanted);
}

// Programs do not remember link addresses.
Status forget_links(const Tables& tables) {
    const auto present = present_entries(tables);
    if (!present) return fail(present.error());
    for (const auto& [key, source] : *present) {
        if (key.family != contract::FAMILY_LINK) continue;
        if (auto erased = tables.local_routes.erase(key); !erased) return fail(erased.error());
    }
    return {};
}

void refresh_locals_if_possible(std::string_view instance) {
    // No waiting: whoever holds the lock refreshes anyway.
    auto opened = Instance::open_for_change(instance, {}, std::chrono::milliseconds(0));
    if (!opened) return;
    [[maybe_unused]] const Status best_effort = refresh_locals(*opened);
}

}  // namespace xdemux
