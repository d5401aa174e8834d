// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include <fmt/format.h>

#include <xdemux/base/number.h>
#include <xdemux/policy/group.h>
#include <xdemux/policy/target_table.h>

namespace xdemux {
namespace {

struct ReadMember {
    GroupMember member;
    bool weighed = false;  ///< whether it came with a weight
};

// The last "=" may as well be part of the target, as in "cpu:2,queue=512": then what stands before it is no target.
Result<ReadMember> read_member(std::string_view text) {
    auto whole = Target::parse(text);
    const auto equals = text.rfind('=');
    const auto weight =
        equals == std::string_view::npos ? std::nullopt : whole_number<std::uint32_t>(text.substr(equals + 1));
    auto front = weight ? Target::parse(text.substr(0, equals)) : whole;
    if (weight && front && *weight > max_maglev_weight)
        return fail(ErrorKind::usage,
                    fmt::format("member \"{}\": its weight is outside 0-{}", text, max_maglev_weight));
    if (weight && front) return ReadMember{{std::move(*front), *weight}, true};
    if (whole) return ReadMember{{std::move(*whole), 1}, false};
    return fail(std::move(front.error()));
}

template <typename Members>
auto find_member(Members& members, const Target& target) {
    return std::ranges::find_if(members,
                                [&](const GroupMember& member) { return is_same_target(member.target, target); });
}

}  // namespace

Result<GroupMember> GroupMember::parse(std::string_view text) {
    auto read = read_member(text);
    if (!read) return fail(std::move(read.error()));
    return std::move(read->member);
}

Result<GroupMember> GroupMember::parse_change(std::string_view text) {
    auto read = read_member(text);
    if (!read) return fail(std::move(read.error()));
    if (read->weighed) return std::move(read->member);
    return fail(ErrorKind::usage,
                fmt::format("member \"{}\" wants a weight: {}=1, or {}=0 to drain it", text, text, text));
}

Status check_members(std::span<const GroupMember> members) {
    if (members.size() > max_group_members)
        return fail(ErrorKind::full,
                    fmt::format("a group has {} members at most, and these are {}", max_group_members, members.size()));
    for (std::size_t i = 0; i < members.size(); ++i) {
        const Target& target = members[i].target;
        if (target.kind == TargetKind::group)
            return fail(ErrorKind::usage, fmt::format("member {}: a group cannot be a member of a group; name its "
                                                      "members",
                                                      target.to_string()));
        if (target.kind == TargetKind::socket)
            return fail(ErrorKind::usage, fmt::format("member {}: a socket cannot be a member of a group, since the "
                                                      "kernel's stack finds it, past the group",
                                                      target.to_string()));
        if (const auto twin = find_member(members, target); twin != members.begin() + static_cast<std::ptrdiff_t>(i))
            return fail(ErrorKind::usage,
                        fmt::format("member {} is named twice; give it the sum of the weights", target.to_string()));
    }
    return {};
}

Result<GroupMembers> changed_members(const GroupMembers& members, const GroupChange& change) {
    if (auto valid = check_members(change.set); !valid) return fail(valid.error());
    GroupMembers after = members;
    for (const Target& target : change.removed) {
        const auto gone = find_member(after, target);
        if (gone == after.end())
            return fail(ErrorKind::not_found, fmt::format("{} is no member of the group", target.to_string()));
        after.erase(gone);
    }
    for (const GroupMember& member : change.set) {
        if (const auto present = find_member(after, member.target); present != after.end()) {
            present->weight = member.weight;
        } else {
            after.push_back(member);
        }
    }
    if (auto valid = check_members(after); !valid) return fail(valid.error());
    return after;
}

MaglevTable group_places(std::span<const GroupMember> members) {
    std::vector<std::string> identities;
    std::vector<MaglevMember> named;
    identities.reserve(members.size());
    for (const GroupMember& member : members)
        named.push_back({identities.emplace_back(member.target.to_string()), member.weight});
    return maglev_table(named);
}

GroupForecast forecast(const GroupMembers& before, const GroupMembers& after) {
    GroupForecast result;
    std::vector<std::size_t> shift_after;  // by index into `after`
    for (const GroupMember& member : before)
        result.shifts.push_back({member.target, member.weight});
    for (const GroupMember& member : after) {
        const auto old = find_member(before, member.target);
        shift_after.push_back(old == before.end() ? result.shifts.size()
                                                  : static_cast<std::size_t>(old - before.begin()));
        if (old == before.end()) result.shifts.push_back({member.target, {}});
        result.shifts[shift_after.back()].weight_after = member.weight;
    }
    const MaglevTable places_before = group_places(before);
    const MaglevTable places_after = group_places(after);
    for (const std::uint16_t member : places_before)
        ++result.shifts[member].places_before;
    for (const std::uint16_t member : places_after)
        ++result.shifts[shift_after[member]].places_after;
    if (places_before.empty() && places_after.empty()) return result;
    const bool is_empty = places_before.empty() || places_after.empty();
    for (std::size_t place = 0; place < maglev_places; ++place) {
        if (is_empty || places_before[place] != shift_after[places_after[place]]) ++result.moved;
    }
    return result;
}

}  // namespace xdemux
