// SPDX-License-Identifier: BSD-2-Clause
#include "render/status.h"

#include <chrono>
#include <string>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

std::int64_t seconds_left(const PendingConfirm& pending) {
    return pending.over() ? 0 : std::chrono::ceil<std::chrono::seconds>(pending.left).count();
}

Json interface_json(const AttachedInterface& interface) {
    const bool attached = interface.state == InterfaceState::attached;
    return Json{{"dev", attached ? Json(interface.dev) : Json(nullptr)},
                {"ifindex", interface.ifindex},
                {"xdp_mode", attached ? Json(xdp_attachment_name(interface.xdp_mode)) : Json(nullptr)},
                {"prog_id", interface.prog_id},
                {"state", interface_state_name(interface.state)}};
}

Json pending_json(const std::optional<PendingConfirm>& pending) {
    if (!pending) return nullptr;
    return Json{{"mode", mode_name(pending->fallback.mode)},
                {"closed", closed_policy_name(pending->fallback.closed)},
                {"host", pending->fallback.host},
                {"seconds_left", seconds_left(*pending)}};
}

std::string pending_text(const std::optional<PendingConfirm>& pending) {
    if (!pending) return "-";
    if (pending->over()) return "rolled back: the time to confirm is over";
    return fmt::format("rolls back to {} in {} s unless confirmed", pending->fallback.to_string(),
                       seconds_left(*pending));
}

/// Those that cannot act, and why.
Json hindered_json(const InstanceStatus& status) {
    Json hindered = Json::array();
    for (const TargetRow& row : status.targets) {
        if (row.hindrance.empty()) continue;
        hindered.push_back({{"target", row.target.to_string()}, {"hindrance", row.hindrance}});
    }
    return hindered;
}

}  // namespace

Json to_json(const InstanceStatus& status) {
    Json interfaces = Json::array();
    for (const AttachedInterface& interface : status.interfaces)
        interfaces.push_back(interface_json(interface));
    return Json{{"instance", status.instance},
                {"netns", to_json(status.netns)},
                {"mode", mode_name(status.settings.mode)},
                {"closed", closed_policy_name(status.settings.closed)},
                {"host", status.settings.host},
                {"interfaces", std::move(interfaces)},
                {"contract", status.contract},
                {"memory_bytes", status.memory_bytes},
                {"flow_capacity", status.flow_capacity},
                {"listener_capacity", status.listener_capacity},
                {"shared_port_counters", status.shared_port_counters},
                {"pending", pending_json(status.pending)},
                {"hindered_targets", hindered_json(status)}};
}

void print_status_json(const InstanceStatus& status, const Sink& sink) {
    print_json("status", to_json(status), sink);
}

void print_status_text(const InstanceStatus& status, const Sink& sink) {
    const auto line = [&](std::string_view name, std::string_view value) {
        sink(fmt::format("{:<11}{}\n", name, value));
    };
    line("instance", status.instance);
    line("netns", status.netns.value_or("-"));
    line("mode", mode_name(status.settings.mode));
    line("closed", closed_policy_name(status.settings.closed));
    line("host", status.settings.host ? "on" : "off");
    line("pending", pending_text(status.pending));
    line("contract", fmt::to_string(status.contract));
    line("memory", fmt::format("{} bytes", status.memory_bytes));
    line("flows", fmt::format("{} at most", status.flow_capacity));
    line("listeners", fmt::format("{} at most", status.listener_capacity));
    line("counters", status.shared_port_counters ? "one array for all CPUs" : "one array per CPU");
    sink("\n");
    TextTable table{{"Dev"}, {"Ifindex", Align::right}, {"Mode"}, {"Program", Align::right}, {"State"}};
    for (const AttachedInterface& interface : status.interfaces) {
        table.add({interface.dev, fmt::to_string(interface.ifindex),
                   std::string(xdp_attachment_name(interface.xdp_mode)), fmt::to_string(interface.prog_id),
                   std::string(interface_state_name(interface.state))});
    }
    table.print(sink);
    for (const TargetRow& row : status.targets) {
        if (!row.hindrance.empty())
            sink(fmt::format("target {} cannot act: {}\n", row.target.to_string(), row.hindrance));
    }
}

}  // namespace xdemux
