// SPDX-License-Identifier: BSD-2-Clause
// The flow table from user space: insert-if-absent, erase, iterate. Needs no lock: each insert is atomic across
// processes and the data path, so a 4-tuple is claimed once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/safeguard.h>
#include <xdemux/policy/batch.h>
#include <xdemux/policy/flow.h>

namespace xdemux {

using FlowProgress = std::function<void(std::size_t done, std::size_t total)>;

struct FlowOptions {
    std::string source{};                  ///< names the batch in messages: "SOURCE:LINE: MESSAGE"
    bool dry_run = false;                  ///< everything is checked, nothing changed
    FlowProgress progress{};               ///< called every some thousand, and at the end
    std::optional<Safeguard> safeguard{};  ///< none: whatever it cuts off
    bool leases = false;                   ///< deletes leases too, which are their owners' else
};

/// Inserts all or none; lines of 0 are left out of the messages. Errors: `in_use` (there already, or twice in the
/// batch), `full`, `unsupported` (reject where it cannot be answered), `usage` (an invalid key), `refused` (the
/// safeguard).
Status add_flows(Instance& instance, std::span<const FlowLine> flows, const FlowOptions& options = {});
Status add_flow(Instance& instance, const FlowKey& key, const Target& target, bool dry_run = false);

/// Erases all or none. Errors: `not_found`, `in_use` (a lease), `refused` (the safeguard).
Status delete_flows(Instance& instance, std::span<const FlowLine> flows, const FlowOptions& options = {});
Status delete_flow(Instance& instance, const FlowKey& key, bool dry_run = false);

struct FlushedFlows {
    std::size_t erased = 0;
    std::size_t leases_kept = 0;
};
/// Erases every flow, leases only where the options say so. ErrorKind::refused (the safeguard).
Result<FlushedFlows> flush_flows(Instance& instance, const FlowOptions& options = {});

/// How long flows may be idle; zero: for ever.
struct IdleLimits {
    std::chrono::seconds tcp{7440};      ///< 2 hours 4 minutes (RFC 5382, REQ-5)
    std::chrono::seconds udp{300};       ///< 5 minutes (RFC 4787, REQ-5)
    std::chrono::seconds time_wait{60};  ///< in TIME-WAIT or QUARANTINE; as Linux
};

/// Erases the flows that have been idle for longer, since their last packet or, where none came, since they were added.
/// A lease that was never or is still in use is its owner's. Returns how many. ErrorKind::refused (the safeguard).
Result<std::size_t> expire_flows(Instance& instance, const IdleLimits& limits, bool dry_run = false,
                                 const std::optional<Safeguard>& safeguard = {});

/// Calls `each` for every flow, in no order, while others may change the table: one that is there all the time is seen
/// once. `each` returns whether to go on.
Status for_each_flow(const Instance& instance, const std::function<bool(const Flow&)>& each);

/// How many there are.
std::size_t count_flows(const Instance& instance);

}  // namespace xdemux
