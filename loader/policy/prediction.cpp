// SPDX-License-Identifier: BSD-2-Clause
#include <cassert>

#include <xdemux/policy/prediction.h>

namespace xdemux {
namespace {

TargetKind target_of(ClosedPolicy policy) {
    switch (policy) {
        case ClosedPolicy::pass:
            return TargetKind::pass;
        case ClosedPolicy::drop:
            return TargetKind::drop;
        case ClosedPolicy::reject:
            break;
    }
    return TargetKind::reject;
}

Prediction first_match(const PlannedRules& rules, const PacketFacts& packet) {
    if (rules.flow) return {rules.flow->kind, {}, PredictedBy::flow, 0};
    if (const auto decision = decide(rules.listeners, packet); decision.listener != 0) {
        const Listener* listener = rules.listeners.find(decision.listener);
        assert(listener != nullptr);
        if (decision.source_denied) return {TargetKind::drop, {}, PredictedBy::source_denied, decision.listener};
        return {listener->target.kind, {}, PredictedBy::listener, decision.listener};
    }
    if (rules.settings.host && rules.socket) return {TargetKind::pass, {}, PredictedBy::host_socket, 0};
    return {target_of(rules.settings.closed), {}, PredictedBy::closed, 0};
}

}  // namespace

Prediction predict(const PlannedRules& rules, const PacketFacts& packet) {
    Prediction found = first_match(rules, packet);
    found.action = rules.settings.mode == Mode::monitor ? TargetKind::pass : found.verdict;
    return found;
}

}  // namespace xdemux
