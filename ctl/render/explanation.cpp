// SPDX-License-Identifier: BSD-2-Clause
#include "render/explanation.h"

#include <string>

#include <fmt/format.h>

#include <xdemux/ops/snapshot.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

Json flow_json(const FlowKey& key) {
    return {{"proto", proto_name(key.proto)}, {"local", to_json(key.local)}, {"remote", to_json(key.remote)}};
}

Json listener_json(const Listener& listener) {
    return {{"proto", proto_name(listener.proto)},
            {"local", to_json(listener.local)},
            {"v6only", listener.v6only},
            {"dev", listener.device ? Json(listener.device->name) : Json(nullptr)},
            {"name", text_or_null(listener.name)}};
}

Json matched_json(const Explanation& explanation) {
    if (explanation.flow) return Json{{"flow", flow_json(*explanation.flow)}};
    if (!explanation.listener) return nullptr;
    return Json{{"listener", listener_json(*explanation.listener)}};
}

std::string flow_text(const FlowKey& key, const PortNames& names) {
    return fmt::format("flow {} {} {}", proto_name(key.proto), names.address(key.local, key.proto),
                       names.address(key.remote, key.proto));
}

std::string listener_text(const Listener& listener, const PortNames& names) {
    std::string text = fmt::format("listener {} {}", proto_name(listener.proto),
                                   names.local(listener.local, listener.proto, listener.v6only));
    if (listener.device) text += fmt::format(" on {}", listener.device->name);
    if (!listener.name.empty()) text += fmt::format(" \"{}\"", listener.name);
    return text;
}

std::string matched_text(const Explanation& explanation, const PortNames& names) {
    if (explanation.flow) return flow_text(*explanation.flow, names);
    return explanation.listener ? listener_text(*explanation.listener, names) : "-";
}

/// In the words of the kernel's look-up: which socket, not which phase of a connection's end.
std::string_view state_name(HostSocketState state) {
    switch (state) {
        case HostSocketState::listen:
        case HostSocketState::unconnected:
            return "listening";
        case HostSocketState::time_wait:
            return "time-wait";
        case HostSocketState::syn_recv:
            return "half-open";
        case HostSocketState::syn_sent:
            return "connecting";
        case HostSocketState::established:
        case HostSocketState::connected:
            return "established";
        default:
            return "closing";
    }
}

bool waits_for_anyone(HostSocketState state) {
    return state == HostSocketState::listen || state == HostSocketState::unconnected;
}

std::string process_suffix(const std::optional<Process>& process) {
    return process ? fmt::format(" ({} {})", process->name, process->pid) : "";
}

/// "listening on 0.0.0.0:http dev eth0 (nginx 4711)"
std::string socket_text(const KernelView& kernel, Proto proto, const PortNames& names) {
    if (!kernel.socket) return "no socket";
    std::string text =
        fmt::format("{} on {}", state_name(kernel.socket->state), names.address(kernel.socket->local, proto));
    if (!kernel.socket_device.empty()) text += fmt::format(" dev {}", kernel.socket_device);
    return text + process_suffix(kernel.process);
}

std::string route_text(const KernelView& kernel) {
    if (kernel.route.kind == RouteKind::none) return std::string(route_kind_name(kernel.route.kind));
    std::string text = fmt::format("{} {}", route_kind_name(kernel.route.kind), kernel.route.prefix.to_string());
    if (!kernel.route_device.empty()) text += fmt::format(" dev {}", kernel.route_device);
    return text;
}

/// The step at which the kernel's look-up found its socket; none: it found none.
std::optional<contract::stage> kernel_step(const KernelView& kernel) {
    if (!kernel.socket) return std::nullopt;
    if (!waits_for_anyone(kernel.socket->state)) return contract::STAGE_FLOW;
    return kernel.socket->local.address.is_wildcard() ? contract::STAGE_WILDCARD : contract::STAGE_EXACT;
}

/// The kernel's answer beside a stage. Its own steps are the 4-tuple, the exact address, the wildcard, and it stops at
/// the first that finds a socket; the tables' other steps have no counterpart: none.
std::optional<std::string> kernel_cell(const ExplainStage& stage, const Explanation& explanation, Proto proto,
                                       const PortNames& names) {
    if (!explanation.kernel) return std::nullopt;
    const KernelView& kernel = *explanation.kernel;
    switch (stage.stage) {
        case contract::STAGE_FLOW:
        case contract::STAGE_EXACT:
        case contract::STAGE_WILDCARD: {
            const auto step = kernel_step(kernel);
            if (!step || stage.stage < *step) return "no socket";
            if (stage.stage > *step) return std::nullopt;
            return socket_text(kernel, proto, names);
        }
        case contract::STAGE_HOST:
            return socket_text(kernel, proto, names);
        case contract::STAGE_LOCAL:
        case contract::STAGE_ROUTE:
            return route_text(kernel);
        default:
            return std::nullopt;
    }
}

std::string socket_name(const HostSocket& socket, std::string_view device, const std::optional<Process>& process,
                        const PortNames& names) {
    std::string text = fmt::format("{} socket {} {}", state_name(socket.state), proto_name(socket.proto),
                                   names.address({socket.local, socket.local_port}, socket.proto));
    if (!device.empty()) text += fmt::format(" dev {}", device);
    return text + process_suffix(process);
}

std::string winner_text(const Explanation& explanation, Proto proto, const PortNames& names) {
    if (explanation.flow || explanation.listener) return matched_text(explanation, names);
    if (!explanation.kernel || !explanation.kernel->socket) return "the winner";
    const KernelView& kernel = *explanation.kernel;
    HostSocket socket;
    socket.proto = proto;
    socket.state = kernel.socket->state;
    socket.local = kernel.socket->local.address;
    socket.local_port = kernel.socket->local.port;
    return socket_name(socket, kernel.socket_device, kernel.process, names);
}

Proto proto_of(const Explanation& explanation) {
    return explanation.ends && explanation.ends->proto ? *explanation.ends->proto : Proto::tcp;
}

/// "LOSER lost: WINNER is more specific (...)"
std::string runner_up_text(const Explanation& explanation, const PortNames& names) {
    if (!explanation.runner_up) return "-";
    const RunnerUp& next = *explanation.runner_up;
    const std::string loser = next.listener ? listener_text(*next.listener, names)
                                            : socket_name(*next.socket, next.socket_device, next.process, names);
    return fmt::format("{} lost: {} {}", loser, winner_text(explanation, proto_of(explanation), names), next.why);
}

Json socket_json(HostSocketState state, const SocketAddress& local, std::string_view device,
                 const std::optional<Process>& process) {
    return {{"state", state_name(state)},
            {"local", to_json(local)},
            {"dev", text_or_null(device)},
            {"process", to_json(process)}};
}

Json kernel_json(const std::optional<KernelView>& kernel) {
    if (!kernel) return nullptr;
    const bool routed = kernel->route.kind != RouteKind::none;
    Json socket = nullptr;
    if (kernel->socket)
        socket = socket_json(kernel->socket->state, kernel->socket->local, kernel->socket_device, kernel->process);
    return {{"socket", std::move(socket)},
            {"local", kernel->route.kind == RouteKind::local},
            {"route", routed ? Json{{"kind", route_kind_name(kernel->route.kind)},
                                    {"prefix", kernel->route.prefix.to_string()},
                                    {"dev", text_or_null(kernel->route_device)}}
                             : Json(nullptr)}};
}

Json runner_up_json(const Explanation& explanation) {
    if (!explanation.runner_up) return nullptr;
    const RunnerUp& next = *explanation.runner_up;
    Json socket = nullptr;
    if (next.socket)
        socket = socket_json(next.socket->state, {next.socket->local, next.socket->local_port}, next.socket_device,
                             next.process);
    return {{"listener", next.listener ? listener_json(*next.listener) : Json(nullptr)},
            {"socket", std::move(socket)},
            {"why", runner_up_text(explanation, PortNames())}};
}

}  // namespace

Json to_json(const Explanation& explanation) {
    Json stages = Json::array();
    for (const ExplainStage& stage : explanation.stages)
        stages.push_back(
            {{"stage", stage.name},
             {"found", stage.found},
             {"answer", stage.answer},
             {"kernel",
              text_or_null(kernel_cell(stage, explanation, proto_of(explanation), PortNames()).value_or(""))}});
    return Json{{"verdict", verdict_name(explanation.verdict)}, {"action", verdict_name(explanation.action)},
                {"reason", reason_name(explanation.reason)},    {"target", to_json(explanation.target)},
                {"matched", matched_json(explanation)},         {"stages", std::move(stages)},
                {"dev", text_or_null(explanation.device)},      {"kernel", kernel_json(explanation.kernel)},
                {"runner_up", runner_up_json(explanation)}};
}

void print_explanation_json(const Explanation& explanation, const Sink& sink) {
    print_json("explain", to_json(explanation), sink);
}

void print_explanation_text(const Explanation& explanation, const PortNames& names, const Sink& sink) {
    const Proto proto = proto_of(explanation);
    TextTable table{{"#", Align::right}, {"Look-up"}, {"Found"}, {"Answer"}, {"Kernel"}};
    for (std::size_t i = 0; i < explanation.stages.size(); ++i) {
        const ExplainStage& stage = explanation.stages[i];
        table.add({fmt::to_string(i + 1), std::string(stage.name), stage.found ? "yes" : "no", stage.answer,
                   kernel_cell(stage, explanation, proto, names).value_or("-")});
    }
    table.print(sink);
    sink("\n");
    const auto line = [&](std::string_view name, std::string_view value) {
        sink(fmt::format("{:<11}{}\n", name, value));
    };
    const bool held_back = explanation.verdict != explanation.action;
    line("verdict", verdict_name(explanation.verdict));
    line("action", fmt::format("{}{}", verdict_name(explanation.action), held_back ? " (not carried out)" : ""));
    line("reason", reason_name(explanation.reason));
    line("target", explanation.target ? explanation.target->to_string() : "-");
    line("matched", matched_text(explanation, names));
    line("runner-up", runner_up_text(explanation, names));
    line("kernel", explanation.kernel ? fmt::format("{}; route {}", socket_text(*explanation.kernel, proto, names),
                                                    route_text(*explanation.kernel))
                                      : "-");
    line("dev", explanation.device.empty() ? "-" : explanation.device);
}

}  // namespace xdemux
