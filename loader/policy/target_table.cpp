// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include <fmt/format.h>

#include <xdemux/policy/target_table.h>

namespace xdemux {
namespace {

TargetKind fallback_of(const Target& target) {
    return target.fallback.value_or(TargetKind::pass);
}

bool has_name(TargetKind kind) {
    return kind == TargetKind::group || kind == TargetKind::xsk || kind == TargetKind::socket;
}

}  // namespace

bool is_same_target(const Target& a, const Target& b) {
    if (a.kind != b.kind) return false;
    if (has_name(a.kind)) return a.name == b.name;
    if (fallback_of(a) != fallback_of(b)) return false;
    if (a.kind == TargetKind::dev) return a.ifindex == b.ifindex && a.dst_mac == b.dst_mac && a.src_mac == b.src_mac;
    return a.first_cpu == b.first_cpu && a.last_cpu == b.last_cpu && a.queue == b.queue;
}

std::uint32_t TargetTable::number_of(TargetKind simple) {
    return static_cast<std::uint32_t>(simple) + 1;
}

Result<Target> TargetTable::find(std::uint32_t number) const {
    for (const TargetKind kind : {TargetKind::pass, TargetKind::drop, TargetKind::reject}) {
        if (number == number_of(kind)) return Target{kind};
    }
    const auto found = targets_.find(number);
    if (found != targets_.end()) return found->second;
    return fail(ErrorKind::failed, fmt::format("a table names target {}, which there is not", number));
}

std::optional<std::uint32_t> TargetTable::number_of(const Target& target) const {
    if (is_simple(target.kind)) return number_of(target.kind);
    const auto found =
        std::ranges::find_if(targets_, [&](const auto& each) { return is_same_target(each.second, target); });
    return found == targets_.end() ? std::nullopt : std::optional(found->first);
}

Result<std::uint32_t> TargetTable::add(const Target& target) {
    if (const auto number = number_of(target)) {
        const auto present = find(*number);
        if (!target.fallback || !present || is_simple(target.kind) || fallback_of(*present) == *target.fallback)
            return *number;
        return fail(ErrorKind::in_use,
                    fmt::format("{}:{} is in use with fallback {}; leave the fallback out, or delete "
                                "what names it first",
                                target_kind_name(target.kind), target.name, target_kind_name(fallback_of(*present))));
    }
    std::uint32_t number = first_number;
    for (const auto& [taken, present] : targets_) {
        if (taken != number) break;
        ++number;
    }
    if (number >= end_number)
        return fail(ErrorKind::full, fmt::format("table \"targets\" is full: an instance has {} targets at most",
                                                 end_number - first_number));
    targets_.emplace(number, target);
    return number;
}

}  // namespace xdemux
