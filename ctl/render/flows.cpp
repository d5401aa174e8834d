// SPDX-License-Identifier: BSD-2-Clause
#include "render/flows.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

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

void FlowPrinter::add(const Flow& flow) {
    waiting_.push_back(flow);
    if (waiting_.size() <= sorted_flows) return;
    sorted_ = false;
    print(waiting_);
    waiting_.clear();
}

void FlowPrinter::end() {
    if (sorted_)
        std::sort(waiting_.begin(), waiting_.end(), [](const Flow& a, const Flow& b) { return a.key < b.key; });
    print(waiting_);
    finish();
}

void FlowJson::print(std::span<const Flow> flows) {
    for (const Flow& flow : flows)
        list_.add(to_json(flow));
}

void FlowJson::finish() {
    list_.end();
}

FlowText::FlowText(const PortNames& names, std::chrono::nanoseconds now, const Sink& sink)
    : names_(names),
      now_(now),
      sink_(sink),
      table_{{"Netid"},
             {"State"},
             {"Local"},
             {"Remote"},
             {"Target"},
             {"Packets", Align::right},
             {"Bytes", Align::right},
             {"Last-seen", Align::right}} {}

void FlowText::print(std::span<const Flow> flows) {
    for (const Flow& flow : flows) {
        const Proto proto = flow.key.proto;
        table_.add({std::string(proto_name(proto)), flow.state, names_.address(flow.key.local, proto),
                    names_.address(flow.key.remote, proto), flow.target.to_string(), fmt::to_string(flow.packets),
                    fmt::to_string(flow.bytes), age_text(flow, now_)});
    }
    table_.print_part(sink_);
}

void FlowText::finish() {}

}  // namespace xdemux
