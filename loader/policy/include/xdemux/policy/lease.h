// SPDX-License-Identifier: BSD-2-Clause
// The life of a leased 4-tuple: free -> leased -> in use -> TIME_WAIT or quarantine -> free, and when each step is due.
// Values and their rules; who keeps them is the ledger, who moves them on by packets is the data path.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <xdemux/policy/flow.h>
#include <xdemux/policy/target.h>

namespace xdemux {

enum class LeaseState : std::uint8_t {
    leased,      ///< handed out, no packet came yet
    in_use,      ///< packets came
    time_wait,   ///< a FIN was seen, or the owner gave it back after use
    quarantine,  ///< an RST was seen, or its owner is gone: late packets may still come
};
/// "LEASED", "IN-USE", "TIME-WAIT", "QUARANTINE".
std::string_view lease_state_name(LeaseState state);

/// What the ledger knows of a lease beside its 4-tuple.
struct LeaseFacts {
    LeaseState state = LeaseState::leased;
    std::uint32_t owner = 0;       ///< a number of the register of owners; never 0
    std::uint64_t touched_ns = 0;  ///< when it was claimed, or its last packet came; CLOCK_MONOTONIC
    Target target;

    friend constexpr bool operator==(const LeaseFacts&, const LeaseFacts&) = default;
};

struct Lease {
    FlowKey key;
    LeaseFacts facts;
};
/// Whether it is its owner's to use: neither given back nor closed.
[[nodiscard]] constexpr bool is_held(const Lease& lease) {
    return lease.facts.state == LeaseState::leased || lease.facts.state == LeaseState::in_use;
}

/// How long each step takes.
struct LeaseTimes {
    static constexpr std::chrono::seconds longest{86'400};  ///< a day

    std::chrono::seconds time_wait_tcp{60};
    std::chrono::seconds time_wait_udp{0};  ///< UDP has no such state
    std::chrono::seconds quarantine{60};
    std::chrono::seconds ttl{0};  ///< without a packet; 0: for ever

    friend constexpr bool operator==(const LeaseTimes&, const LeaseTimes&) = default;
};

/// ErrorKind::usage where one is below zero or above LeaseTimes::longest.
Status check_times(const LeaseTimes& times);

/// Whether a lease is due to be free. `owner_gone_ns`: since when its owner is known to be gone; none: it lives.
bool is_due(const Lease& lease, const LeaseTimes& times, std::optional<std::uint64_t> owner_gone_ns,
            std::uint64_t now_ns);

/// What becomes of a lease that its owner gives back: nothing (it is free at once) where no packet was seen, or where
/// it is closed already it stays as it is.
std::optional<LeaseState> state_after_release(const Lease& lease);

/// RFC 6191, section 2: a port in TIME_WAIT may be used again once the clock of the timestamps has moved on, for which
/// Linux takes a second. Only of TCP.
bool may_reuse_time_wait(const Lease& lease, std::uint64_t now_ns);

}  // namespace xdemux
