// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstring>
#include <map>
#include <vector>

#include <xdemux/kernel/encode.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/locals.h>

namespace xdemux {
namespace {

Result<LocalTables> wanted_locals(const Instance& instance, const std::set<Prefix>& named) {
    const auto routes = local_routes();
    if (!routes) return fail(routes.error());
    LocalFacts facts{*routes, {}, false, named};
    const auto links = instance.pins().links();
    if (!links) return fail(links.error());
    for (const auto& link : *links) {
        facts.attached.insert(link.ifindex);
        const auto interface = interface_by_index(link.ifindex);
        if (interface && interface->loopback) facts.loopback_attached = true;
    }
    return plan_locals(facts);
}

Result<std::map<Prefix, contract::local_source>> present_locals(const Tables& tables) {
    std::map<Prefix, contract::local_source> present;
    const auto walked =
        tables.local_routes.for_each([&](const contract::local_route& key, const contract::local_entry& entry) {
            present.emplace(decode(key), entry.source);
            return true;
        });
    if (!walked) return fail(walked.error());
    return present;
}

Status write_hot(const Tables& tables, const contract::local_hot& hot) {
    const auto present = tables.local_hot.find(0);
    if (!present) return fail(present.error());
    if (*present && std::memcmp(&**present, &hot, sizeof hot) == 0) return {};
    return tables.local_hot.put(0, hot);
}

/// Adds, then the cache line that may point to what was added, then removes.
Status write_locals(const Tables& tables, const LocalTables& wanted) {
    const auto present = present_locals(tables);
    if (!present) return fail(present.error());
    for (const auto& [prefix, source] : wanted.routes) {
        const auto found = present->find(prefix);
        if (found != present->end() && found->second == source) continue;
        if (auto put = tables.local_routes.put(encode_local(prefix), {source}); !put) return put;
    }
    if (auto put = write_hot(tables, wanted.hot); !put) return put;
    for (const auto& [prefix, source] : *present) {
        if (wanted.routes.contains(prefix)) continue;
        if (auto erased = tables.local_routes.erase(encode_local(prefix)); !erased) return fail(erased.error());
    }
    return {};
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

void refresh_locals_if_possible(std::string_view instance) {
    // No waiting: whoever holds the lock refreshes anyway.
    auto opened = Instance::open_for_change(instance, {}, std::chrono::milliseconds(0));
    if (!opened) return;
    [[maybe_unused]] const Status best_effort = refresh_locals(*opened);
}

}  // namespace xdemux
