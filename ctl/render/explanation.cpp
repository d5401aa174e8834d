// SPDX-License-Identifier: BSD-2-Clause
#include "render/explanation.h"

#include <string>

#include <fmt/format.h>

#include <xdemux/ops/snapshot.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

Json matched_json(const Explanation& explanation) {
    if (explanation.flow) {
        const FlowKey& key = *explanation.flow;
        return Json{
            {"flow",
             {{"proto", proto_name(key.proto)}, {"local", to_json(key.local)}, {"remote", to_json(key.remote)}}}};
    }
    if (!explanation.listener) return nullptr;
    const Listener& listener = *explanation.listener;
    return Json{{"listener",
                 {{"proto", proto_name(listener.proto)},
                  {"local", to_json(listener.local)},
                  {"v6only", listener.v6only},
                  {"dev", listener.device ? Json(listener.device->name) : Json(nullptr)},
                  {"name", text_or_null(listener.name)}}}};
}

std::string matched_text(const Explanation& explanation, const PortNames& names) {
    if (explanation.flow) {
        const FlowKey& key = *explanation.flow;
        return fmt::format("flow {} {} {}", proto_name(key.proto), names.address(key.local, key.proto),
                           names.address(key.remote, key.proto));
    }
    if (!explanation.listener) return "-";
    const Listener& listener = *explanation.listener;
    std::string text = fmt::format("listener {} {}", proto_name(listener.proto),
                                   names.local(listener.local, listener.proto, listener.v6only));
    if (listener.device) text += fmt::format(" on {}", listener.device->name);
    if (!listener.name.empty()) text += fmt::format(" \"{}\"", listener.name);
    return text;
}

}  // namespace

Json to_json(const Explanation& explanation) {
    Json stages = Json::array();
    for (const ExplainStage& stage : explanation.stages)
        stages.push_back({{"stage", stage.name}, {"found", stage.found}, {"answer", stage.answer}});
    return Json{{"verdict", verdict_name(explanation.verdict)}, {"action", verdict_name(explanation.action)},
                {"reason", reason_name(explanation.reason)},    {"target", to_json(explanation.target)},
                {"matched", matched_json(explanation)},         {"stages", std::move(stages)},
                {"dev", text_or_null(explanation.device)}};
}

void print_explanation_json(const Explanation& explanation, const Sink& sink) {
    print_json("explain", to_json(explanation), sink);
}

void print_explanation_text(const Explanation& explanation, const PortNames& names, const Sink& sink) {
    TextTable table{{"#", Align::right}, {"Look-up"}, {"Found"}, {"Answer"}};
    for (std::size_t i = 0; i < explanation.stages.size(); ++i) {
        const ExplainStage& stage = explanation.stages[i];
        table.add({fmt::to_string(i + 1), std::string(stage.name), stage.found ? "yes" : "no", stage.answer});
    }
    table.print(sink);
    sink("\n");
    const auto line = [&](std::string_view name, std::string_view value) {
        sink(fmt::format("{:<9}{}\n", name, value));
    };
    const bool held_back = explanation.verdict != explanation.action;
    line("verdict", verdict_name(explanation.verdict));
    line("action", fmt::format("{}{}", verdict_name(explanation.action), held_back ? " (not carried out)" : ""));
    line("reason", reason_name(explanation.reason));
    line("target", explanation.target ? explanation.target->to_string() : "-");
    line("matched", matched_text(explanation, names));
    line("dev", explanation.device.empty() ? "-" : explanation.device);
}

}  // namespace xdemux
