// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/grace.h>
#include <xdemux/ops/groups.h>
#include <xdemux/ops/targets.h>
#include <xdemux/policy/listener.h>

#include "group_maps.h"
#include "shared_endpoints.h"

namespace xdemux {
namespace {

Target group_target(std::string_view name, std::optional<TargetKind> fallback = {}) {
    Target target;
    target.kind = TargetKind::group;
    target.name = name;
    target.fallback = fallback;
    return target;
}

Result<std::uint32_t> find_group(const TargetTable& targets, std::string_view name) {
    const auto number = targets.number_of(group_target(name));
    if (number) return *number;
    return fail(ErrorKind::not_found, fmt::format("no group \"{}\"; make it with xdemux group add", name));
}

/// A present member as it stands, by its name: a device that is gone has no ifindex any more, but can be taken out.
Result<Target> resolve_member(const Instance& instance, const GroupMembers& present, const Target& target) {
    const auto found = std::ranges::find_if(present, [&](const GroupMember& member) {
        Target named = target;
        named.ifindex = member.target.ifindex;
        if (!named.src_mac) named.src_mac = member.target.src_mac;
        return named.name == member.target.name && is_same_target(named, member.target);
    });
    return found != present.end() ? found->target : resolve_target(instance, target);
}

Result<GroupChange> resolve_change(const Instance& instance, const GroupMembers& present, const GroupChange& change) {
    GroupChange resolved;
    for (const auto& [target, weight] : change.set) {
        auto found = resolve_member(instance, present, target);
        if (!found) return fail(std::move(found.error()));
        resolved.set.push_back({std::move(*found), weight});
    }
    for (const Target& target : change.removed) {
        auto found = resolve_member(instance, present, target);
        if (!found) return fail(std::move(found.error()));
        resolved.removed.push_back(std::move(*found));
    }
    return resolved;
}

/// With the members' rows made where they are new. One that is there keeps its own, though its device may be gone.
Result<StoredMembers> claim_members(Instance& instance, const GroupMembers& members) {
    const auto targets = read_targets(instance.tables());
    if (!targets) return fail(targets.error());
    StoredMembers stored;
    for (const auto& [target, weight] : members) {
        const auto known = targets->number_of(target);
        const auto number = known ? Result<std::uint32_t>(*known) : claim_target(instance, target);
        if (!number) return fail(number.error());
        stored.push_back({*number, weight});
    }
    std::ranges::sort(stored);
    return stored;
}

/// A group as it is, and as a change would make it.
struct Change {
    std::uint32_t number = 0;
    GroupMembers before;
    GroupMembers after;
};

Result<Change> plan_change(const Instance& instance, std::string_view name, const GroupChange& change) {
    const Tables& tables = instance.tables();
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    const auto number = find_group(*targets, name);
    if (!number) return fail(number.error());
    auto groups = read_group_members(tables);
    if (!groups) return fail(groups.error());
    auto before = decode((*groups)[*number], *targets);
    if (!before) return fail(before.error());
    const auto resolved = resolve_change(instance, *before, change);
    if (!resolved) return fail(resolved.error());
    auto after = changed_members(*before, *resolved);
    if (!after) return fail(after.error().in(fmt::format("group \"{}\"", name)));
    return Change{*number, std::move(*before), std::move(*after)};
}

Status check_new(const Tables& tables, const NewGroup& group) {
    if (auto named = check_listener_name(group.name); !named || group.name.empty())
        return fail(ErrorKind::usage,
                    fmt::format("group name \"{}\": 1 to {} letters, digits, \".\", \"_\" and \"-\" make one",
                                group.name, Target::max_name));
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    if (find_group(*targets, group.name))
        return fail(ErrorKind::in_use, fmt::format("group \"{}\" is there already; change it with xdemux group set, or "
                                                   "delete it first",
                                                   group.name));
    return {};
}

/// Its row comes last: with it the group is there.
Status write_new(Instance& instance, const NewGroup& group, const GroupMembers& members) {
    const auto stored = claim_members(instance, members);
    if (!stored) return fail(stored.error());
    const Tables& tables = instance.tables();
    auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    const Target target = group_target(group.name, group.fallback);
    const auto number = targets->add(target);
    if (!number) return fail(number.error());
    if (auto written = write_group(tables, *number, *stored, *targets); !written) return written;
    contract::target row = encode(target);
    row.sticky = group.sticky ? 1 : 0;
    return tables.steering.targets.put(*number, row);
}

Status write_change(Instance& instance, const Change& plan) {
    const auto stored = claim_members(instance, plan.after);
    if (!stored) return fail(stored.error());
    const auto targets = read_targets(instance.tables());
    if (!targets) return fail(targets.error());
    return replace_group(instance.tables(), plan.number, *stored, *targets);
}

GroupRow row_of(const Target& target, const contract::target& stored) {
    GroupRow row;
    row.name = is_shared_endpoint(target) ? "" : target.name;
    row.fallback = target.fallback.value_or(TargetKind::pass);
    row.sticky = stored.sticky != 0;
    return row;
}

using FlowCounts = std::map<std::uint32_t, std::uint64_t>;

/// Of the targets that flows name which the data path put there.
Result<FlowCounts> count_kept_flows(const Tables& tables) {
    FlowCounts counts;
    const auto walked = tables.flows.for_each([&](const FlowTable::Found& flow) {
        if (flow.facts.state == contract::FLOW_STICKY || flow.facts.state == contract::FLOW_STICKY_ENDED)
            ++counts[flow.facts.target];
        return true;
    });
    if (!walked) return fail(walked.error());
    return counts;
}

Result<std::vector<GroupMemberRow>> member_rows(const Tables& tables, const StoredMembers& members,
                                                const TargetTable& targets) {
    const auto decoded = decode(members, targets);
    if (!decoded) return fail(decoded.error());
    std::vector<GroupMemberRow> rows;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const auto& [target, weight] = (*decoded)[i];
        rows.push_back({target, weight, 0, {}, {}});
        if (is_simple(target.kind)) continue;
        auto count = tables.steering.target_counts.read(members[i].number);
        if (!count) return fail(count.error());
        rows.back().count = *count;
    }
    for (const std::uint16_t index : group_places(*decoded))
        ++rows[index].places;
    return rows;
}

Result<GroupRow> read_row(const Instance& instance, std::uint32_t number, const Target& target,
                          const StoredMembers& members, const TargetTable& targets) {
    const Tables& tables = instance.tables();
    const auto stored = tables.steering.targets.find(number);
    if (!stored) return fail(stored.error());
    GroupRow row = row_of(target, stored->value_or(contract::target{}));
    auto rows = member_rows(tables, members, targets);
    if (!rows) return fail(rows.error());
    row.members = std::move(*rows);
    const auto count = tables.steering.target_counts.read(number);
    if (!count) return fail(count.error());
    row.fallback_packets = count->fallback_packets;
    row.unkept_packets = count->unkept_packets;
    auto users = users_of(instance, number);
    if (!users) return fail(users.error());
    row.users = std::move(*users);
    return row;
}

}  // namespace

Status add_group(Instance& instance, const NewGroup& group, bool dry_run) {
    assert(instance.writable());
    if (auto checked = check_new(instance.tables(), group); !checked) return checked;
    const auto resolved = resolve_change(instance, {}, {group.members, {}});
    if (!resolved) return fail(resolved.error());
    if (auto valid = check_members(resolved->set); !valid) return valid;
    if (dry_run) return {};
    Status done = write_new(instance, group, resolved->set);
    if (done) return instance.keep();
    [[maybe_unused]] const Status undone = recover_groups(instance.tables());  // else by the next command
    [[maybe_unused]] const Status swept = sweep_targets(instance);
    return done;
}

Status change_group(Instance& instance, std::string_view name, const GroupChange& change, bool dry_run) {
    assert(instance.writable());
    const auto plan = plan_change(instance, name, change);
    if (!plan) return fail(plan.error());
    if (dry_run || plan->after == plan->before) return {};
    const Status done = write_change(instance, *plan);
    [[maybe_unused]] const Status swept = sweep_targets(instance);
    return done;
}

Status delete_group(Instance& instance, std::string_view name, bool dry_run) {
    assert(instance.writable());
    const auto targets = read_targets(instance.tables());
    if (!targets) return fail(targets.error());
    const auto number = find_group(*targets, name);
    if (!number) return fail(number.error());
    const auto users = users_of(instance, *number);
    if (!users) return fail(users.error());
    if (!users->empty())
        return fail(ErrorKind::in_use,
                    fmt::format("group \"{}\" is in use by {}; delete that first", name, fmt::join(*users, ", ")));
    if (dry_run) return {};
    if (auto cleared = instance.tables().steering.targets.put(*number, {}); !cleared) return cleared;
    // The group is gone. What is left of it is erased now, else by the next command.
    wait_for_packets_under_way();
    [[maybe_unused]] const Status erased = erase_group(instance.tables(), *number);
    [[maybe_unused]] const Status swept = sweep_targets(instance);
    return {};
}

Result<GroupForecast> simulate_group(const Instance& instance, std::string_view name, const GroupChange& change) {
    const auto plan = plan_change(instance, name, change);
    if (!plan) return fail(plan.error());
    return forecast(plan->before, plan->after);
}

Result<std::vector<GroupRow>> group_rows(const Instance& instance) {
    const Tables& tables = instance.tables();
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    auto groups = read_group_members(tables);
    if (!groups) return fail(groups.error());
    std::vector<GroupRow> rows;
    std::optional<FlowCounts> kept;
    for (const auto& [number, target] : targets->targets()) {
        if (target.kind != TargetKind::group) continue;
        if (is_shared_endpoint(target)) {
            const auto led = is_led_to(tables, number, target);
            if (!led) return fail(led.error());
            if (!*led) continue;  // the next command clears it
        }
        const StoredMembers& members = (*groups)[number];
        auto row = read_row(instance, number, target, members, *targets);
        if (!row) return fail(std::move(row.error()));
        if (row->sticky && !kept) {
            auto counts = count_kept_flows(tables);
            if (!counts) return fail(counts.error());
            kept = std::move(*counts);
        }
        for (std::size_t i = 0; row->sticky && i < members.size(); ++i)
            row->members[i].flows = (*kept)[members[i].number];
        rows.push_back(std::move(*row));
    }
    std::ranges::sort(rows, {}, [](const GroupRow& row) { return std::pair(row.name.empty(), row.name); });
    return rows;
}

}  // namespace xdemux
