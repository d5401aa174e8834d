// SPDX-License-Identifier: BSD-2-Clause
#include "render/flows.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

std::string age_text(const Flow& flow, std::chrono::nanoseconds now) {
    if (flow.last_seen_ns == 0) return "never";
    const std::chrono::nanoseconds seen(static_cast<std::int64_t>(flow.last_seen_ns));
    // A packet may arrive between the clock's reading and the table's.
    const auto age =
        std::chrono::duration_cast<std::chrono::seconds>(std::max(now - seen, std::chrono::nanoseconds(0)));
    return fmt::format("{} s ago", age.count());
}

}  // namespace

Json to_json(const Flow& flow) {
    return Json{{"proto", proto_name(flow.key.proto)},
                {"local", to_json(flow.key.local)},
                {"remote", to_json(flow.key.remote)},
                {"state", flow.state},
                {"target", flow.target.to_string()},
                {"packets", flow.packets},
                {"bytes", flow.bytes},
                {"last_seen_ns", flow.last_seen_ns == 0 ? Json(nullptr) : Json(flow.last_seen_ns)}};
}

void print_flows_json(std::span<const Flow> flows, const Sink& sink) {
    JsonList list("flows", sink);
    for (const Flow& flow : flows)
        list.add(to_json(flow));
    list.end();
}

void print_flows_text(std::span<const Flow> flows, const PortNames& names, std::chrono::nanoseconds now,
                      const Sink& sink) {
    TextTable table{{"Netid"},
                    {"State"},
                    {"Local"},
                    {"Remote"},
                    {"Target"},
                    {"Packets", Align::right},
                    {"Bytes", Align::right},
                    {"Last-seen", Align::right}};
    for (const Flow& flow : flows) {
        const Proto proto = flow.key.proto;
        table.add({std::string(proto_name(proto)), flow.state, names.address(flow.key.local, proto),
                   names.address(flow.key.remote, proto), flow.target.to_string(), fmt::to_string(flow.packets),
                   fmt::to_string(flow.bytes), age_text(flow, now)});
    }
    table.print(sink);
}

}  // namespace xdemux
