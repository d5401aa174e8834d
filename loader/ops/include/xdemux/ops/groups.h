// SPDX-License-Identifier: BSD-2-Clause
// The groups of an instance: made, changed, deleted, looked at, and asked what a change would move. How flows are
// spread is policy/group.h's part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/group.h>

namespace xdemux {

struct NewGroup {
    std::string name;
    GroupMembers members;
    TargetKind fallback = TargetKind::pass;  ///< while nobody takes flows
    bool sticky = false;
};

/// Errors: `in_use` (there is one of that name), `usage` (see check_members()), those of resolve_target(), `full`. The
/// instance must be writable().
Status add_group(Instance& instance, const NewGroup& group, bool dry_run = false);

/// Gives the group other members, at once for every packet. Errors: `not_found` (no such group, or no such member),
/// and as add_group().
Status change_group(Instance& instance, std::string_view name, const GroupChange& change, bool dry_run = false);

/// Errors: `not_found`; `in_use`, naming who uses it.
Status delete_group(Instance& instance, std::string_view name, bool dry_run = false);

/// What change_group() would move; changes nothing. Errors as there.
Result<GroupForecast> simulate_group(const Instance& instance, std::string_view name, const GroupChange& change);

struct GroupMemberRow {
    Target target;
    std::uint32_t weight = 0;
    std::uint32_t places = 0;                     ///< of maglev_places
    std::optional<std::uint64_t> flows{};         ///< that are kept there, of whatever group; none: it is not sticky
    std::optional<contract::target_count> count;  ///< of the member, whoever sent it there; none: pass, drop or reject
};

struct GroupRow {
    std::string name;  ///< empty: of listeners that share an endpoint
    TargetKind fallback = TargetKind::pass;
    bool sticky = false;
    std::vector<GroupMemberRow> members;
    std::vector<std::string> users;  ///< as users_of()
    std::uint64_t fallback_packets = 0;
    std::uint64_t unkept_packets = 0;  ///< for whose flow there was no room in the flow table
};

/// By name, those of listeners last.
Result<std::vector<GroupRow>> group_rows(const Instance& instance);

}  // namespace xdemux
