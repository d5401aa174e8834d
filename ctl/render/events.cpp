// SPDX-License-Identifier: BSD-2-Clause
#include "render/events.h"

#include <chrono>
#include <ctime>
#include <optional>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <xdemux/base/units.h>
#include <xdemux/ops/snapshot.h>

namespace xdemux {
namespace {

Json to_json(const std::optional<PacketEnd>& end) {
    if (!end) return nullptr;
    return Json{{"addr", end->address.to_string()}, {"port", end->port ? Json(*end->port) : Json(nullptr)}};
}

/// As explain names it.
Json listener_json(const std::optional<Listener>& listener) {
    if (!listener) return nullptr;
    return Json{{"proto", proto_name(listener->proto)},
                {"local", xdemux::to_json(listener->local)},
                {"v6only", listener->v6only},
                {"dev", listener->device ? Json(listener->device->name) : Json(nullptr)},
                {"name", text_or_null(listener->name)}};
}

std::string end_text(const std::optional<PacketEnd>& end, const std::optional<Proto>& proto, const PortNames& names) {
    if (!end) return "-";
    if (!end->port || !proto) return end->address.to_string();
    return names.address({end->address, *end->port}, *proto);
}

std::string listener_text(const std::optional<Listener>& listener, const PortNames& names) {
    if (!listener) return "-";
    if (!listener->name.empty()) return listener->name;
    return names.local(listener->local, listener->proto, listener->v6only);
}

/// The columns of a stream cannot wait for their widest cell: this much is kept for each, and more pushes the rest.
std::string line(std::string_view time, std::string_view verdict, std::string_view action, std::string_view reason,
                 std::string_view proto, std::string_view remote, std::string_view local, std::string_view dev,
                 std::string_view listener) {
    return fmt::format("{:<30}  {:<7}  {:<6}  {:<17}  {:<5}  {:<21}  {:<21}  {:<8}  {}\n", time, verdict, action,
                       reason, proto, remote, local, dev, listener);
}

}  // namespace

std::string wall_time_text(std::int64_t time_ns) {
    const std::time_t seconds = time_ns / ns_per_second;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(seconds), time_ns % ns_per_second);
}

Json to_json(const PacketEvent& event) {
    return Json{{"time", wall_time_text(event.wall_time_ns)},
                {"time_ns", event.time_ns},
                {"verdict", verdict_name(event.verdict)},
                {"action", verdict_name(event.action)},
                {"reason", reason_name(event.reason)},
                {"proto", event.proto ? Json(proto_name(*event.proto)) : Json(nullptr)},
                {"remote", to_json(event.remote)},
                {"local", to_json(event.local)},
                {"dev", text_or_null(event.dev)},
                {"listener", listener_json(event.listener)},
                {"frame_bytes", event.frame_len}};
}

void print_event_json(const PacketEvent& event, const Sink& sink) {
    print_json("event", to_json(event), sink);
}

void print_event_titles(const Sink& sink) {
    sink(line("Time", "Verdict", "Action", "Reason", "Netid", "Remote", "Local", "Dev", "Listener"));
}

void print_event_text(const PacketEvent& event, const PortNames& names, const Sink& sink) {
    sink(line(wall_time_text(event.wall_time_ns), verdict_name(event.verdict), verdict_name(event.action),
              reason_name(event.reason), event.proto ? proto_name(*event.proto) : "-",
              end_text(event.remote, event.proto, names), end_text(event.local, event.proto, names),
              event.dev.empty() ? "-" : event.dev, listener_text(event.listener, names)));
}

}  // namespace xdemux
