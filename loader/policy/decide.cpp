// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include <xdemux/policy/decide.h>

namespace xdemux {
namespace {

using Condition = std::function<bool(const Listener&)>;

bool hears(const Listener& listener, const PacketFacts& packet) {
    const Family family = packet.destination.family();
    const bool wildcard = listener.local.form == LocalForm::wildcard;
    const bool family_fits = hears(listener.scope(), family);
    const bool address_fits = wildcard ? packet.local : listener.local.prefix.contains(packet.destination);
    const bool device_fits = !listener.device || listener.ifindex() == packet.ifindex;
    return listener.proto == packet.proto && listener.local.ports.covers(packet.port) && family_fits && address_fits &&
           device_fits;
}

/// The candidate with the lowest id, of those that fulfil the condition.
std::uint32_t first_of(const std::vector<const Listener*>& listeners, const Condition& condition) {
    for (const Listener* listener : listeners) {
        if (condition(*listener)) return listener->id;
    }
    return 0;
}

/// Steps 2 to 4, for listeners on all ports or for the others.
Decision decide_among(const std::vector<const Listener*>& listeners, bool all_ports) {
    const auto at = [&](LocalForm form, bool bound, const Condition& also) {
        return first_of(listeners, [&](const Listener& listener) {
            return listener.local.ports.is_all() == all_ports && listener.local.form == form &&
                   listener.device.has_value() == bound && also(listener);
        });
    };
    const auto any = [](const Listener&) { return true; };
    for (const bool bound : {true, false}) {
        if (const auto id = at(LocalForm::exact, bound, any)) return {id, ListenerStep::listener_exact};
    }
    std::set<std::uint8_t, std::greater<>> lengths;
    for (const Listener* listener : listeners)
        lengths.insert(listener->local.prefix.length);
    for (const std::uint8_t length : lengths) {
        const auto this_long = [&](const Listener& listener) { return listener.local.prefix.length == length; };
        for (const bool bound : {true, false}) {
            if (const auto id = at(LocalForm::prefix, bound, this_long)) return {id, ListenerStep::listener_prefix};
        }
    }
    for (const bool dual : {false, true}) {
        const auto this_scope = [&](const Listener& listener) { return (listener.scope() == Scope::dual) == dual; };
        for (const bool bound : {true, false}) {
            if (const auto id = at(LocalForm::wildcard, bound, this_scope))
                return {id, ListenerStep::listener_wildcard};
        }
    }
    return {};
}

}  // namespace

std::string_view listener_step_name(ListenerStep step) {
    switch (step) {
        case ListenerStep::none:
            return "none";
        case ListenerStep::listener_exact:
            return "listener_exact";
        case ListenerStep::listener_prefix:
            return "listener_prefix";
        case ListenerStep::listener_wildcard:
            return "listener_wildcard";
        case ListenerStep::listener_all_ports:
            break;
    }
    return "listener_all_ports";
}

std::vector<const Listener*> hearers(const ListenerSet& listeners, const PacketFacts& packet) {
    std::vector<const Listener*> found;
    for (const auto& [id, listener] : listeners.listeners()) {
        if (hears(listener, packet)) found.push_back(&listener);
    }
    return found;
}

Decision decide(const ListenerSet& listeners, const PacketFacts& packet) {
    return decide(hearers(listeners, packet), packet);
}

Decision decide(std::span<const Listener* const> listeners, const PacketFacts& packet) {
    std::vector<const Listener*> found;
    for (const Listener* listener : listeners) {
        if (hears(*listener, packet)) found.push_back(listener);
    }
    Decision decision = decide_among(found, false);
    if (decision.listener == 0) {
        decision = decide_among(found, true);
        if (decision.listener == 0) return {};
        decision.step = ListenerStep::listener_all_ports;
    }
    const auto winner = std::find_if(found.begin(), found.end(),
                                     [&](const Listener* listener) { return listener->id == decision.listener; });
    decision.source_denied = packet.source && !(*winner)->guard.admits(*packet.source);
    return decision;
}

std::string_view why_first(const Listener& first, const Listener& other) {
    if (first.local.ports.is_all() != other.local.ports.is_all()) return "names the port (a port before all ports)";
    if (first.local.form != other.local.form) {
        if (first.local.form == LocalForm::prefix) return "is more specific (prefix before wildcard)";
        return other.local.form == LocalForm::prefix ? "is more specific (exact address before prefix)"
                                                     : "is more specific (exact address before wildcard)";
    }
    if (first.local.prefix.length != other.local.prefix.length) return "is more specific (the longest prefix first)";
    if (first.scope() != other.scope()) return "is of the packet's family alone (one family before dual-stack)";
    if (first.device.has_value() != other.device.has_value()) return "is bound to the device (bound before unbound)";
    return "was made before it (the first of a group answers for all)";
}

}  // namespace xdemux
