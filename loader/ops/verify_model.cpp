// SPDX-License-Identifier: BSD-2-Clause
#include "verify_model.h"

#include <algorithm>
#include <utility>

#include <xdemux/kernel/encode.h>
#include <xdemux/ops/locals.h>

namespace xdemux {
namespace {

contract::reason reason_of(ListenerStep step) {
    switch (step) {
        case ListenerStep::listener_exact:
            return contract::REASON_LISTENER_EXACT;
        case ListenerStep::listener_prefix:
            return contract::REASON_LISTENER_PREFIX;
        case ListenerStep::listener_wildcard:
            return contract::REASON_LISTENER_WILDCARD;
        case ListenerStep::listener_all_ports:
            return contract::REASON_LISTENER_ALL_PORTS;
        case ListenerStep::none:
            break;
    }
    return contract::REASON_UNDECIDED;
}

contract::verdict verdict_of(const Target& target) {
    switch (target.kind) {
        case TargetKind::drop:
            return contract::VERDICT_DROP;
        case TargetKind::reject:
            return contract::VERDICT_REJECT;
        case TargetKind::pass:
        case TargetKind::socket:
            return contract::VERDICT_PASS;
        default:
            return contract::VERDICT_STEER;
    }
}

contract::verdict verdict_of(ClosedPolicy policy) {
    switch (policy) {
        case ClosedPolicy::drop:
            return contract::VERDICT_DROP;
        case ClosedPolicy::reject:
            return contract::VERDICT_REJECT;
        default:
            return contract::VERDICT_PASS;
    }
}

/// One host's address (RFC 1122, 3.2.2), neither unspecified nor of this network, a group or reserved.
bool is_one_host(const Address& address) {
    if (address.is_wildcard() || address.is_multicast() || address.is_broadcast()) return false;
    const std::uint8_t first = address.bytes()[0];
    return address.family() == Family::ipv6 || (first != 0 && first < 224);
}

bool is_link_local(const Address& address) {
    static const Prefix link_local = Prefix::parse("fe80::/10").value();
    return link_local.contains(address);
}

bool is_group(const PacketSpec& packet) {
    return packet.destination.address.is_multicast() || packet.destination.address.is_broadcast();
}

/// Never an answer to a reset, to a group, to a piece of a segment, or across the loopback's border.
bool may_be_answered(const PacketSpec& packet) {
    const Address& source = packet.source.address;
    const Address& destination = packet.destination.address;
    if (!is_one_host(source) || !is_one_host(destination) || source.is_loopback() != destination.is_loopback())
        return false;
    if (packet.proto == Proto::udp) return true;
    return (packet.tcp_flags & tcp_rst) == 0 && packet.part == PacketPart::whole;
}

}  // namespace

bool PrefixSet::covers(const Address& address) const {
    return std::any_of(by_length_.begin(), by_length_.end(), [&](const auto& entry) {
        const auto& [length, prefixes] = entry;
        return length <= address_bits(address.family()) && prefixes.contains(Prefix::of(address, length));
    });
}

bool is_compared(contract::reason reason) {
    switch (reason) {
        case contract::REASON_SOURCE_DENIED:
        case contract::REASON_RATE_LIMITED:
        case contract::REASON_SOURCE_BLOCKED:
        case contract::REASON_TARGET_FALLBACK:
        case contract::REASON_FRAGMENT:  // it follows a datagram that is under way
            return false;
        default:
            return reason < contract::REASON_COUNT;
    }
}

struct VerifyModel::Match {
    contract::reason reason = contract::REASON_UNDECIDED;
    contract::verdict verdict = contract::VERDICT_PASS;
    std::uint32_t listener = 0;
    bool named = false;   ///< by a flow or an address: also where the destination is not this host's
    bool spread = false;  ///< over a group's members
};

VerifyModel::VerifyModel(ListenerSet listeners, std::span<const LocalRoute> routes, const Settings& settings)
    : listeners_(std::move(listeners)), settings_(settings) {
    for (const LocalRoute& route : routes) {
        locals_.insert(route.prefix);
        routed_.insert(route.prefix);
    }
    for (const Prefix& prefix : named_prefixes(listeners_))
        locals_.insert(prefix);
}

const std::vector<const Listener*>& VerifyModel::on_port(Proto proto, std::uint16_t port) const {
    const auto [found, added] = by_port_.try_emplace(port_index(proto, port));
    if (added) {
        for (const auto& [id, listener] : listeners_.listeners()) {
            if (listener.proto == proto && listener.local.ports.covers(port)) found->second.push_back(&listener);
        }
    }
    return found->second;
}

std::optional<VerifyModel::Match> VerifyModel::match_listener(const PacketSpec& packet, const Facts& facts,
                                                              bool local) const {
    const PacketFacts asked{packet.proto, packet.destination.address, packet.destination.port, facts.ifindex, local};
    const Decision decision = decide(on_port(packet.proto, packet.destination.port), asked);
    if (decision.listener == 0) return std::nullopt;
    const Listener& listener = *listeners_.find(decision.listener);
    return Match{reason_of(decision.step), verdict_of(listener.target), decision.listener,
                 listener.local.form != LocalForm::wildcard, listener.target.kind == TargetKind::group};
}

VerifyModel::Match VerifyModel::match_nobody(const PacketSpec& packet, const Facts& facts, bool local) const {
    if (!local) return {is_group(packet) ? contract::REASON_MULTICAST : contract::REASON_NOT_LOCAL};
    const contract::verdict closed = verdict_of(settings_.closed);
    if (packet.destination.port == 0) return {contract::REASON_PORT_ZERO, closed};
    if (settings_.host && facts.kernel.socket) return {contract::REASON_HOST_SOCKET};
    return {contract::REASON_CLOSED, closed};
}

VerifyOutcome VerifyModel::expect(const PacketSpec& packet, const Facts& facts) const {
    if (packet.part == PacketPart::later_fragment) return {contract::REASON_FRAGMENT_ORPHAN};
    const bool local = !is_group(packet) && locals_.covers(packet.destination.address);
    Match match;
    if (facts.flow && packet.destination.port != 0) {
        match = {contract::REASON_FLOW, verdict_of(*facts.flow), 0, true, facts.flow->kind == TargetKind::group};
    } else if (auto listener = match_listener(packet, facts, local)) {
        match = *listener;
    } else {
        match = match_nobody(packet, facts, local);
    }
    if (match.spread) match.verdict = facts.answered;
    const Address& destination = packet.destination.address;
    const bool forwarded = facts.kernel.route == RouteAnswer::forwards;
    // Of those who listen on a link-local address above, the program's look-up does not see who is bound there.
    const bool unseen = match.reason == contract::REASON_CLOSED && facts.stacked && is_link_local(destination);
    if (match.verdict != contract::VERDICT_PASS && !match.named && (forwarded || unseen))
        match = {contract::REASON_NOT_LOCAL};
    // What is named may be nobody's address: answers are given for those of this host, and for what it forwards to.
    const bool answers = may_be_answered(packet) && (!match.named || forwarded || routed_.covers(destination));
    if (match.verdict == contract::VERDICT_REJECT && !answers) match.verdict = contract::VERDICT_DROP;
    const bool acts = settings_.mode == Mode::enforce;
    return {match.reason, match.verdict, acts ? match.verdict : contract::VERDICT_PASS, match.listener};
}

}  // namespace xdemux
