// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/sock_diag.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/findings.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/safeguard.h>
#include <xdemux/ops/settings.h>
#include <xdemux/ops/targets.h>
#include <xdemux/policy/prediction.h>

namespace xdemux {
namespace {

FlowKey flow_key(const Connection& connection) {
    return {Proto::tcp, connection.local, connection.remote};
}

std::string describe(const Connection& connection) {
    return fmt::format("from {} to {}", connection.remote.to_string(), connection.local.to_string());
}

/// What it does with the connection.
std::string_view does(TargetKind action) {
    if (action == TargetKind::reject) return "rejects it";
    return action == TargetKind::drop ? "drops it" : "steers it away";
}

std::string name_listener(const Prediction& prediction, const RulesInForce& rules) {
    const Listener& listener = *rules.listeners.find(prediction.listener);
    const std::string name = listener.name.empty() ? "" : fmt::format(" \"{}\"", listener.name);
    return fmt::format("listener {}{}", listener.describe(), name);
}

std::string name_rule(const Prediction& prediction, const RulesInForce& rules) {
    switch (prediction.by) {
        case PredictedBy::flow:
            return fmt::format("a flow with its addresses and ports {}", does(prediction.action));
        case PredictedBy::listener:
            return fmt::format("{} {}", name_listener(prediction, rules), does(prediction.action));
        case PredictedBy::source_denied:
            return fmt::format("{} does not admit its source", name_listener(prediction, rules));
        case PredictedBy::host_socket:
        case PredictedBy::closed:
            break;
    }
    const std::string_view why = rules.settings.host
                                     ? "and no listener and no socket that the kernel's look-up sees waits for it"
                                     : "no listener waits for it, and --no-host leaves the host's sockets out";
    return fmt::format("closed ports are {}, {}",
                       rules.settings.closed == ClosedPolicy::reject ? "rejected" : "dropped", why);
}

/// The rate to which a listener holds each source, where it decides: packets of a connection count too.
std::optional<std::string> name_limit(const Prediction& prediction, const RulesInForce& rules) {
    if (prediction.by != PredictedBy::listener || rules.settings.mode != Mode::enforce) return std::nullopt;
    const auto& rate = rules.listeners.find(prediction.listener)->guard.rate;
    if (!rate) return std::nullopt;
    return fmt::format("{} holds it to {} packets a second", name_listener(prediction, rules),
                       rate->packets_per_second);
}

/// Whether a socket is connected to the peer, or listens for it.
bool answers(const HostSocket& socket, const Connection& connection) {
    if (socket.proto != Proto::tcp || socket.local_port != connection.local.port) return false;
    if (socket.local == connection.local.address && socket.remote == connection.remote.address &&
        socket.remote_port == connection.remote.port)
        return true;
    return socket.state == HostSocketState::listen && socket.hears(connection.local.address);
}

/// Any of them will do for the look-up; one that is bound to no device is seen from each.
void find_socket(const std::vector<HostSocket>& sockets, OperatorPath& path) {
    for (const auto& socket : sockets) {
        if (!answers(socket, path.connection) || (path.socket && socket.ifindex != 0)) continue;
        path.socket = true;
        path.bound = socket.ifindex;
    }
}

/// The device of the route to the peer and every device below it; without a route, every device.
std::set<std::uint32_t> ingress_of(const Connection& connection, const std::vector<Interface>& all) {
    const auto route = route_device(connection.remote.address);
    std::set<std::uint32_t> ingress;
    for (const auto& each : all) {
        const auto above = devices_above(all, each.ifindex);
        const bool below_it = route && std::ranges::find(above, *route, &Interface::ifindex) != above.end();
        if (!route || each.ifindex == *route || below_it) ingress.insert(each.ifindex);
    }
    return ingress;
}

bool is_local(const Address& address, const std::vector<LocalRoute>& routes) {
    return std::ranges::any_of(routes, [&](const LocalRoute& route) { return route.prefix.contains(address); });
}

/// The paths that the operators' packets take now. What is not of this host is left out.
Result<std::vector<OperatorPath>> operator_paths(const Safeguard& safeguard) {
    std::vector<OperatorPath> paths;
    if (safeguard.operators.empty()) return paths;
    const auto routes = local_routes();
    if (!routes) return fail(routes.error());
    const auto all = interfaces();
    if (!all) return fail(all.error());
    const auto sockets = host_sockets();
    if (!sockets) return fail(sockets.error());
    for (const auto& connection : safeguard.operators) {
        if (!is_local(connection.local.address, *routes)) continue;
        OperatorPath path{connection, ingress_of(connection, *all)};
        find_socket(*sockets, path);
        paths.push_back(std::move(path));
    }
    return paths;
}

Error unknown(const Error& error) {
    return error.in("cannot tell whether it would cut off your own connection")
        .with_remedy("use --force to do it all the same");
}

}  // namespace

Result<Safeguard> own_safeguard() {
    auto operators = operator_connections();
    if (!operators) return fail(unknown(operators.error()));
    return Safeguard{std::move(*operators)};
}

bool drops_closed(const Settings& settings) {
    return settings.mode == Mode::enforce && settings.closed != ClosedPolicy::pass;
}

std::optional<std::string> cut_by(const RulesInForce& rules, const OperatorPath& path) {
    const Connection& connection = path.connection;
    const auto flow = rules.flows.find(flow_key(connection));
    for (const auto device : rules.devices) {
        if (!path.ingress.contains(device)) continue;
        const bool seen = path.socket && (path.bound == 0 || path.bound == device);
        const PlannedRules planned{rules.listeners, rules.settings,
                                   flow == rules.flows.end() ? std::nullopt : std::optional(flow->second), seen};
        const auto prediction = predict(planned, {Proto::tcp, connection.local.address, connection.local.port, device,
                                                  true, connection.remote.address});
        if (!reaches_stack(prediction.action)) return name_rule(prediction, rules);
        if (auto limit = name_limit(prediction, rules)) return limit;
    }
    return std::nullopt;
}

Result<RulesInForce> rules_in_force(const Instance& instance, const Safeguard& safeguard) {
    RulesInForce rules;
    auto listeners = read_listeners(instance);
    if (!listeners) return fail(listeners.error());
    rules.listeners = std::move(*listeners);
    rules.settings = settings_in_force(instance);
    const auto attached = attached_interfaces(instance);
    if (!attached) return fail(attached.error());
    for (const auto& each : *attached) {
        if (each.state == InterfaceState::attached) rules.devices.insert(each.ifindex);
    }
    for (const auto& connection : safeguard.operators) {
        const FlowKey key = flow_key(connection);
        const auto stored = instance.tables().flows.find(encode(key));
        if (!stored) return fail(stored.error());
        if (!*stored) continue;
        const auto targets = read_targets(instance.tables());
        if (!targets) return fail(targets.error());
        const auto flow = decode(encode(key), **stored, *targets);
        if (!flow) return fail(flow.error());
        rules.flows.emplace(key, flow->target);
    }
    return rules;
}

Status check_paths(const RulesInForce& before, const RulesInForce& after, std::span<const OperatorPath> paths) {
    for (const auto& path : paths) {
        const auto cut = cut_by(after, path);
        if (!cut || cut_by(before, path)) continue;
        return fail(ErrorKind::refused, fmt::format("refused, it would cut off your own connection {}: {}; use --force "
                                                    "to do it all the same",
                                                    describe(path.connection), *cut));
    }
    return {};
}

Status check_operators(const RulesInForce& before, const RulesInForce& after, const Safeguard& safeguard) {
    const auto paths = operator_paths(safeguard);
    if (!paths) return fail(unknown(paths.error()));
    return check_paths(before, after, *paths);
}

Status refuse_for(std::span<const Finding> findings, const Settings& wanted, bool attaching) {
    const auto cuts = [](const Finding& finding) { return finding.cuts_off; };
    const auto first = std::ranges::find_if(findings, cuts);
    if (first == findings.end()) return {};
    const auto others = std::ranges::count_if(findings, cuts) - 1;
    const std::string more = others == 0 ? "" : fmt::format(" (and {} more: see xdemux doctor)", others);
    const std::string command = first->remedy.value_or("xdemux doctor");
    const std::string way = attaching
                                ? fmt::format("attach without --enforce, run {}, then xdemux set --enforce --closed {}",
                                              command, closed_policy_name(wanted.closed))
                                : fmt::format("run {} first", command);
    return fail(ErrorKind::refused,
                fmt::format("refused, it would cut off live traffic to {}: {}{}; {}, or use --force", first->object,
                            first->what, more, way));
}

Status check_traffic(const RulesInForce& before, const RulesInForce& after, bool attaching) {
    if (!drops_closed(after.settings) || after.devices.empty()) return {};
    const bool covered_before =
        drops_closed(before.settings) && before.settings.host == after.settings.host && before.devices == after.devices;
    if (covered_before) return {};
    const auto facts = traffic_facts(after.devices);
    if (!facts) return fail(facts.error());
    return refuse_for(judge_traffic(*facts, {after.listeners, after.settings.host}), after.settings, attaching);
}

}  // namespace xdemux
