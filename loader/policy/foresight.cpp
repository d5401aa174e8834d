// SPDX-License-Identifier: BSD-2-Clause
#include <cassert>

#include <xdemux/policy/foresight.h>

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

Foreseen first_match(const PlannedRules& rules, const PacketFacts& packet) {
    if (rules.flow) return {rules.flow->kind, {}, ForeseenBy::flow, 0};
    if (const auto decision = decide(rules.listeners, packet); decision.listener != 0) {
        const Listener* listener = rules.listeners.find(decision.listener);
        assert(listener != nullptr);
        if (decision.source_denied) return {TargetKind::drop, {}, ForeseenBy::source_denied, decision.listener};
        return {listener->target.kind, {}, ForeseenBy::listener, decision.listener};
    }
    if (rules.settings.host && rules.socket) return {TargetKind::pass, {}, ForeseenBy::host_socket, 0};
    return {target_of(rules.settings.closed), {}, ForeseenBy::closed, 0};
}

}  // namespace

Foreseen foresee(const PlannedRules& rules, const PacketFacts& packet) {
    Foreseen found = first_match(rules, packet);
    found.action = rules.settings.mode == Mode::monitor ? TargetKind::pass : found.verdict;
    return found;
}

}  // namespace xdemux
