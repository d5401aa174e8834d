// SPDX-License-Identifier: BSD-2-Clause
// Asks the attached program itself what it would do with a packet, and why. Counters, limiters and tables stay as they
// are, and no packet is sent.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/packet.h>
#include <xdemux/policy/flow.h>
#include <xdemux/policy/listener.h>

namespace xdemux {

struct ExplainRequest {
    PacketSpec packet;
    std::optional<std::string> device{};  ///< where it comes in; none: the first that is attached
};

/// A look-up that was made.
struct ExplainStage {
    std::string_view name;  ///< "port slot", "flow", "exact address", ...
    bool found = false;
    std::string answer;  ///< for people: "no listener on this address"
};

struct Explanation {
    contract::verdict verdict = contract::VERDICT_PASS;  ///< what enforce mode does
    contract::verdict action = contract::VERDICT_PASS;   ///< what is done
    contract::reason reason = contract::REASON_UNDECIDED;
    std::optional<Target> target;      ///< of the match
    std::optional<Listener> listener;  ///< that matched; without its guard
    std::optional<FlowKey> flow;       ///< that matched
    std::vector<ExplainStage> stages;  ///< in the order in which they were asked
    std::string device;                ///< where it came in; empty: none
    std::vector<std::uint8_t> frame;   ///< what was asked about
};

/// Errors: `usage` (families that differ, an empty frame), `not_found` (device), `failed`.
Result<Explanation> explain(const Instance& instance, const ExplainRequest& request);
/// The same for any Ethernet frame, of 14 bytes at least.
Result<Explanation> explain_frame(const Instance& instance, std::span<const std::uint8_t> frame,
                                  const std::optional<std::string>& device = {});

}  // namespace xdemux
