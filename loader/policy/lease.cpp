// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <xdemux/policy/lease.h>

namespace xdemux {
namespace {

bool has_passed(std::uint64_t since_ns, std::chrono::seconds time, std::uint64_t now_ns) {
    const auto wait = static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
    return now_ns >= since_ns + wait;
}

}  // namespace

std::string_view lease_state_name(LeaseState state) {
    switch (state) {
        case LeaseState::leased:
            return "LEASED";
        case LeaseState::in_use:
            return "IN-USE";
        case LeaseState::time_wait:
            return "TIME-WAIT";
        case LeaseState::quarantine:
            break;
    }
    return "QUARANTINE";
}

Status check_times(const LeaseTimes& times) {
    constexpr std::array<std::string_view, 4> names = {"TIME_WAIT of TCP", "TIME_WAIT of UDP", "quarantine", "ttl"};
    const std::array all = {times.time_wait_tcp, times.time_wait_udp, times.quarantine, times.ttl};
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] >= std::chrono::seconds(0) && all[i] <= LeaseTimes::longest) continue;
        return fail(ErrorKind::usage,
                    fmt::format("{} of {} s is outside 0-{} s", names[i], all[i].count(), LeaseTimes::longest.count()));
    }
    return {};
}

bool is_due(const Lease& lease, const LeaseTimes& times, std::optional<std::uint64_t> owner_gone_ns,
            std::uint64_t now_ns) {
    const LeaseFacts& facts = lease.facts;
    const std::uint64_t quiet_since = std::max(facts.touched_ns, owner_gone_ns.value_or(0));
    switch (facts.state) {
        case LeaseState::time_wait:
            return has_passed(facts.touched_ns,
                              lease.key.proto == Proto::tcp ? times.time_wait_tcp : times.time_wait_udp, now_ns);
        case LeaseState::quarantine:
            return has_passed(quiet_since, times.quarantine, now_ns);
        case LeaseState::leased:
        case LeaseState::in_use:
            break;
    }
    if (owner_gone_ns) return has_passed(quiet_since, times.quarantine, now_ns);
    return times.ttl.count() != 0 && has_passed(facts.touched_ns, times.ttl, now_ns);
}

std::optional<LeaseState> state_after_release(const Lease& lease) {
    switch (lease.facts.state) {
        case LeaseState::leased:
            return std::nullopt;
        case LeaseState::in_use:
            return lease.key.proto == Proto::tcp ? LeaseState::time_wait : LeaseState::quarantine;
        case LeaseState::time_wait:
        case LeaseState::quarantine:
            break;
    }
    return lease.facts.state;
}

bool may_reuse_time_wait(const Lease& lease, std::uint64_t now_ns) {
    return lease.key.proto == Proto::tcp && lease.facts.state == LeaseState::time_wait &&
           has_passed(lease.facts.touched_ns, std::chrono::seconds(1), now_ns);
}

}  // namespace xdemux
