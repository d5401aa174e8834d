// SPDX-License-Identifier: BSD-2-Clause
// What rules that do not stand yet would do with a packet to one of this host's addresses: the precedence from its
// definition, around decide(). For questions before a change; once rules stand, `explain` asks the program itself.
#pragma once

#include <cstdint>
#include <optional>

#include <xdemux/policy/decide.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/settings.h>
#include <xdemux/policy/target.h>

namespace xdemux {

struct PlannedRules {
    const ListenerSet& listeners;
    Settings settings;
    std::optional<Target> flow{};  ///< of the flow with the packet's 4-tuple
    bool socket = false;           ///< the kernel's socket look-up finds one for it
};

/// Which step decides; named as the reasons are.
enum class PredictedBy : std::uint8_t {
    flow,
    listener,
    source_denied,  ///< by the listener's guard; its rate is not predicted
    host_socket,
    closed,
};

struct Prediction {
    TargetKind verdict = TargetKind::pass;  ///< what enforce mode does
    TargetKind action = TargetKind::pass;   ///< what is done
    PredictedBy by = PredictedBy::closed;
    std::uint32_t listener = 0;  ///< its id, where it or its guard decides
};

Prediction predict(const PlannedRules& rules, const PacketFacts& packet);

}  // namespace xdemux
