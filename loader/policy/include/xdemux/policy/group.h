// SPDX-License-Identifier: BSD-2-Clause
// A group of targets among which flows are spread by weight: what the user asks for, who gets which places of the
// group's table, and what a change would move. Pure; the tables are ops/groups.h's part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/maglev.h>
#include <xdemux/policy/target.h>

namespace xdemux {

struct GroupMember {
    Target target;
    std::uint32_t weight = 1;  ///< 0: it drains

    /// `TARGET[=WEIGHT]`, as in `cpu:2,queue=512=3`. ErrorKind::usage.
    static Result<GroupMember> parse(std::string_view text);
    /// As parse(), but the weight must be there: what a change names.
    static Result<GroupMember> parse_change(std::string_view text);

    friend bool operator==(const GroupMember&, const GroupMember&) = default;
};

using GroupMembers = std::vector<GroupMember>;

/// Up to here, when one of N equal members leaves or comes, 1/N + 1 % of the flows move at most.
inline constexpr std::size_t max_group_members = 256;

/// Errors: `usage` (a target that no group can have, or one twice), `full`.
Status check_members(std::span<const GroupMember> members);

/// A change of a group's members: `set` puts in or gives another weight, `removed` takes out.
struct GroupChange {
    GroupMembers set;
    std::vector<Target> removed;
};

/// What the members are after the change, in their order, new ones behind. Errors: `not_found` (takes out who is not
/// there), `usage` (as check_members()). Targets are the same where they are equal, a dev's name apart.
Result<GroupMembers> changed_members(const GroupMembers& members, const GroupChange& change);

/// By place the index into `members`; empty where none takes flows.
MaglevTable group_places(std::span<const GroupMember> members);

/// What becomes of a member's share of the flows.
struct GroupShift {
    Target target;
    std::optional<std::uint32_t> weight_before{};  ///< none: not a member
    std::optional<std::uint32_t> weight_after{};
    std::uint32_t places_before = 0;
    std::uint32_t places_after = 0;
};

/// What a change comes to: counted in the tables themselves, not estimated.
struct GroupForecast {
    std::uint32_t moved = 0;         ///< places of maglev_places that change hands
    std::vector<GroupShift> shifts;  ///< in the order of `before`, new ones behind
};
GroupForecast forecast(const GroupMembers& before, const GroupMembers& after);

}  // namespace xdemux
