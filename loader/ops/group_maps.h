// SPDX-License-Identifier: BSD-2-Clause
// Groups in the tables: their members' numbers and weights as the user asked for them, and the look-up table that is
// made from these. A change is complete or undone: it is staged beside what is there, committed by one entry, then
// applied; whoever comes after a killed writer does the rest. It checks no request.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/tables.h>
#include <xdemux/policy/group.h>
#include <xdemux/policy/target_table.h>

namespace xdemux {

struct StoredMember {
    std::uint32_t number = 0;  ///< of its target
    std::uint32_t weight = 0;

    friend constexpr auto operator<=>(const StoredMember&, const StoredMember&) = default;
};
using StoredMembers = std::vector<StoredMember>;
/// By the group's number, members by theirs; a group without members is absent.
using StoredGroups = std::map<std::uint32_t, StoredMembers>;

/// As they are in force: of a change that was committed, what it comes to.
Result<StoredGroups> read_group_members(const Tables& tables);

/// As policy has them.
Result<GroupMembers> decode(const StoredMembers& members, const TargetTable& targets);

/// Members and table of a group that nobody can reach yet.
Status write_group(const Tables& tables, std::uint32_t group, const StoredMembers& members, const TargetTable& targets);
/// Other members for a group in use: its look-up table is another one, at once for every packet.
Status replace_group(const Tables& tables, std::uint32_t group, const StoredMembers& members,
                     const TargetTable& targets);
/// What belonged to a group whose row is gone, and which no packet under way can have met.
Status erase_group(const Tables& tables, std::uint32_t group);

/// Does the change of a killed writer, or takes it back, and erases what is no group's.
Status recover_groups(const Tables& tables);

}  // namespace xdemux
