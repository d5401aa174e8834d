// SPDX-License-Identifier: BSD-2-Clause
#include "group_maps.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include <xdemux/kernel/group_table.h>
#include <xdemux/ops/targets.h>

namespace xdemux {
namespace {

constexpr std::uint32_t commit_mark = 0;  // no target has that number

constexpr std::uint32_t staged(std::uint32_t group) {
    return group | contract::GROUP_STAGED;
}

/// Every entry by its group, staged ones and their marks too.
Result<StoredGroups> read_entries(const Tables& tables) {
    StoredGroups groups;
    const auto walked = tables.steering.group_members.for_each(
        [&](const contract::group_member& member, const contract::group_weight& weight) {
            groups[member.group].push_back({member.target, weight.weight});
            return true;
        });
    if (!walked) return fail(walked.error());
    for (auto& [group, members] : groups)
        std::ranges::sort(members);
    return groups;
}

bool is_committed(const StoredMembers& staged_members) {
    return !staged_members.empty() && staged_members.front().number == commit_mark;
}

StoredMembers members_of(const StoredGroups& groups, std::uint32_t group) {
    const auto found = groups.find(group);
    return found == groups.end() ? StoredMembers() : found->second;
}

StoredMembers without_mark(StoredMembers members) {
    if (is_committed(members)) members.erase(members.begin());
    return members;
}

Status put_members(const Tables& tables, std::uint32_t group, const StoredMembers& members) {
    for (const auto& [number, weight] : members) {
        if (auto put = tables.steering.group_members.put({group, number}, {weight}); !put) return put;
    }
    return {};
}

Status erase_members(const Tables& tables, std::uint32_t group, const StoredMembers& members) {
    for (const auto& member : members) {
        const auto erased = tables.steering.group_members.erase({group, member.number});
        if (!erased) return fail(erased.error());
    }
    return {};
}

/// The look-up table of these members, which nobody sees yet.
Result<Fd> make_table(const StoredMembers& members, const TargetTable& targets) {
    const auto decoded = decode(members, targets);
    if (!decoded) return fail(decoded.error());
    std::vector<std::uint16_t> numbers;
    for (const std::uint16_t index : group_places(*decoded))
        numbers.push_back(static_cast<std::uint16_t>(members[index].number));
    return make_group_table(numbers);
}

Status put_table(const Tables& tables, std::uint32_t group, const Fd& table) {
    return tables.steering.group_tables.put(group, static_cast<std::uint32_t>(table.get()));
}

/// The part of a change behind its commit; done twice it comes to the same.
Status apply_staged(const Tables& tables, std::uint32_t group, const StoredMembers& present,
                    const StoredMembers& members, const Fd& table) {
    if (auto put = put_table(tables, group, table); !put) return put;
    StoredMembers gone = present;
    std::erase_if(gone, [&](const StoredMember& old) {
        return std::ranges::find(members, old.number, &StoredMember::number) != members.end();
    });
    if (auto put = put_members(tables, group, members); !put) return put;
    if (auto erased = erase_members(tables, group, gone); !erased) return erased;
    // The mark first: without it the rest is what a killed writer had staged.
    if (auto erased = erase_members(tables, staged(group), {{commit_mark, 0}}); !erased) return erased;
    return erase_members(tables, staged(group), members);
}

Status stage(const Tables& tables, std::uint32_t group, const StoredMembers& members) {
    if (auto put = put_members(tables, staged(group), members); !put) return put;
    return put_members(tables, staged(group), {{commit_mark, 1}});
}

Status recover_staged(const Tables& tables, std::uint32_t group, const StoredMembers& present,
                      const StoredMembers& staged_members, const TargetTable& targets) {
    if (!is_committed(staged_members)) return erase_members(tables, staged(group), staged_members);
    const StoredMembers members = without_mark(staged_members);
    const auto table = make_table(members, targets);
    if (!table) return fail(table.error());
    return apply_staged(tables, group, present, members, *table);
}

}  // namespace

Result<StoredGroups> read_group_members(const Tables& tables) {
    auto entries = read_entries(tables);
    if (!entries) return entries;
    StoredGroups groups;
    for (const auto& [group, members] : *entries) {
        if ((group & contract::GROUP_STAGED) == 0) {
            groups.emplace(group, members);
        } else if (is_committed(members)) {
            groups.insert_or_assign(group & ~contract::GROUP_STAGED, without_mark(members));
        }
    }
    return groups;
}

Result<GroupMembers> decode(const StoredMembers& members, const TargetTable& targets) {
    GroupMembers out;
    for (const auto& [number, weight] : members) {
        auto target = targets.find(number);
        if (!target) return fail(std::move(target.error()));
        out.push_back({std::move(*target), weight});
    }
    return out;
}

Status write_group(const Tables& tables, std::uint32_t group, const StoredMembers& members,
                   const TargetTable& targets) {
    const auto table = make_table(members, targets);
    if (!table) return fail(table.error());
    if (auto put = put_members(tables, group, members); !put) return put;
    return put_table(tables, group, *table);
}

// What may fail for want of memory comes before the commit, and what comes behind it is tried twice.
Status replace_group(const Tables& tables, std::uint32_t group, const StoredMembers& members,
                     const TargetTable& targets) {
    const auto groups = read_group_members(tables);
    if (!groups) return fail(groups.error());
    const auto table = make_table(members, targets);
    if (!table) return fail(table.error());
    if (auto committed = stage(tables, group, members); !committed) {
        [[maybe_unused]] const Status undone = erase_members(tables, staged(group), members);  // else the next writer
        return committed;
    }
    const StoredMembers present = members_of(*groups, group);
    if (apply_staged(tables, group, present, members, *table)) return {};
    return apply_staged(tables, group, present, members, *table);
}

Status erase_group(const Tables& tables, std::uint32_t group) {
    const auto groups = read_group_members(tables);
    if (!groups) return fail(groups.error());
    if (auto erased = tables.steering.group_tables.erase(group); !erased) return fail(erased.error());
    if (auto zeroed = tables.steering.target_counts.zero(group); !zeroed) return zeroed;
    return erase_members(tables, group, members_of(*groups, group));
}

Status recover_groups(const Tables& tables) {
    const auto entries = read_entries(tables);
    if (!entries) return fail(entries.error());
    if (entries->empty()) return {};
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    for (const auto& [group, members] : *entries) {
        if ((group & contract::GROUP_STAGED) == 0) continue;
        const std::uint32_t number = group & ~contract::GROUP_STAGED;
        if (auto done = recover_staged(tables, number, members_of(*entries, number), members, *targets); !done)
            return done;
    }
    for (const auto& [group, members] : *entries) {
        const auto row = targets->targets().find(group);
        if ((group & contract::GROUP_STAGED) != 0 ||
            (row != targets->targets().end() && row->second.kind == TargetKind::group))
            continue;
        if (auto erased = erase_group(tables, group); !erased) return erased;
    }
    return {};
}

}  // namespace xdemux
