// SPDX-License-Identifier: BSD-2-Clause
#include "shared_endpoints.h"

#include <cassert>
#include <map>
#include <set>

#include <fmt/format.h>

#include <xdemux/base/number.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/grace.h>
#include <xdemux/ops/targets.h>
#include <xdemux/policy/shared_endpoints.h>

#include "group_maps.h"

namespace xdemux {
namespace {

constexpr char own_mark = '~';  // no name that a user gives has it

Target group_of(std::uint32_t listener) {
    Target target;
    target.kind = TargetKind::group;
    target.name = fmt::format("{}{}", own_mark, listener);
    return target;
}

/// The number of a listener's own target, as its row has it.
Result<std::uint32_t> own_target(const Tables& tables, std::uint32_t listener) {
    const auto row = tables.listeners.find(listener);
    if (!row) return fail(row.error());
    if (!*row) return fail(ErrorKind::failed, fmt::format("table \"listeners\" lacks listener {}", listener));
    return (*row)->target;
}

/// A target that several of them have counts as often.
Result<StoredMembers> members_of(const Tables& tables, const SharedEndpoint& ids) {
    std::map<std::uint32_t, std::uint32_t> weights;
    for (const std::uint32_t id : ids) {
        const auto number = own_target(tables, id);
        if (!number) return fail(number.error());
        ++weights[*number];
    }
    StoredMembers members;
    for (const auto& [number, weight] : weights)
        members.push_back({number, weight});
    return members;
}

/// The number of the group of these members, which is made or brought up to date.
Result<std::uint32_t> put_group(const Tables& tables, std::uint32_t front, const StoredMembers& members) {
    auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    const Target group = group_of(front);
    const bool known = targets->number_of(group).has_value();
    const auto number = targets->add(group);
    if (!number) return number;
    if (!known) {
        if (auto written = write_group(tables, *number, members, *targets); !written) return fail(written.error());
        if (auto put = tables.steering.targets.put(*number, encode(group)); !put) return fail(put.error());
        return number;
    }
    auto stored = read_group_members(tables);
    if (!stored) return fail(stored.error());
    if ((*stored)[*number] == members) return number;
    if (auto replaced = replace_group(tables, *number, members, *targets); !replaced) return fail(replaced.error());
    return number;
}

Status lead_to(const Tables& tables, std::uint32_t listener, std::uint32_t number) {
    const auto present = tables.steering.listener_targets.find(listener);
    if (!present) return fail(present.error());
    if (*present && (*present)->target == number) return {};
    return tables.steering.listener_targets.put(listener, {number});
}

Status lead_to_own(const Tables& tables, std::uint32_t listener) {
    const auto number = own_target(tables, listener);
    if (!number) return fail(number.error());
    return lead_to(tables, listener, *number);
}

}  // namespace

bool is_shared_endpoint(const Target& group) {
    return group.kind == TargetKind::group && group.name.starts_with(own_mark);
}

std::uint32_t front_of_endpoint(const Target& group) {
    return whole_number<std::uint32_t>(std::string_view(group.name).substr(1)).value_or(0);
}

Result<bool> is_led_to(const Tables& tables, std::uint32_t number, const Target& group) {
    const std::uint32_t id = front_of_endpoint(group);
    const auto listener = tables.listeners.find(id);
    if (!listener) return fail(listener.error());
    const auto led = tables.steering.listener_targets.find(id);
    if (!led) return fail(led.error());
    return *listener && *led && (*led)->target == number;
}

Status share_endpoints(Instance& instance, const ListenerSet& listeners) {
    assert(instance.writable());
    const Tables& tables = instance.tables();
    std::set<std::uint32_t> fronts;
    for (const SharedEndpoint& ids : shared_endpoints(listeners)) {
        const auto members = members_of(tables, ids);
        if (!members) return fail(members.error());
        if (members->size() == 1) continue;  // one target for all: no group is needed
        const auto number = put_group(tables, ids.front(), *members);
        if (!number) return fail(number.error());
        fronts.insert(ids.front());
        if (auto led = lead_to(tables, ids.front(), *number); !led) return led;
    }
    for (const auto& [id, listener] : listeners.listeners()) {
        if (!listener.reuseport || is_simple(listener.target.kind) || fronts.contains(id)) continue;
        if (auto led = lead_to_own(tables, id); !led) return led;
    }
    return {};
}

Status sweep_shared_endpoints(Instance& instance) {
    assert(instance.writable());
    const Tables& tables = instance.tables();
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    std::vector<std::uint32_t> gone;
    for (const auto& [number, target] : targets->targets()) {
        if (!is_shared_endpoint(target)) continue;
        const auto led = is_led_to(tables, number, target);
        if (!led) return fail(led.error());
        if (*led) continue;
        if (auto cleared = tables.steering.targets.put(number, {}); !cleared) return cleared;
        gone.push_back(number);
    }
    if (gone.empty()) return {};
    wait_for_packets_under_way();
    for (const std::uint32_t number : gone) {
        if (auto erased = erase_group(tables, number); !erased) return erased;
    }
    return {};
}

}  // namespace xdemux
