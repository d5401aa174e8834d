// SPDX-License-Identifier: BSD-2-Clause
#include "render/targets.h"

#include <string>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

std::string_view fallback_name(const TargetRow& row) {
    return target_kind_name(row.target.fallback.value_or(TargetKind::pass));
}

}  // namespace

Json to_json(const TargetRow& row) {
    return {{"target", row.target.to_string()},
            {"fallback", fallback_name(row)},
            {"active", row.hindrance.empty()},
            {"hindrance", text_or_null(row.hindrance)},
            {"users", row.users},
            {"packets", row.count.packets},
            {"bytes", row.count.bytes},
            {"fallback_packets", row.count.fallback_packets},
            {"fallback_bytes", row.count.fallback_bytes}};
}

void print_targets_json(std::span<const TargetRow> rows, const Sink& sink) {
    JsonList list("targets", sink);
    for (const TargetRow& row : rows)
        list.add(to_json(row));
    list.end();
}

void print_targets_text(std::span<const TargetRow> rows, const Sink& sink) {
    TextTable table{{"Target"},
                    {"Users", Align::right},
                    {"Packets", Align::right},
                    {"Bytes", Align::right},
                    {"Fallback"},
                    {"Fallback-Packets", Align::right},
                    {"Hindrance"}};
    for (const TargetRow& row : rows) {
        table.add({row.target.to_string(), fmt::to_string(row.users), fmt::to_string(row.count.packets),
                   fmt::to_string(row.count.bytes), std::string(fallback_name(row)),
                   fmt::to_string(row.count.fallback_packets), row.hindrance.empty() ? "-" : row.hindrance});
    }
    table.print(sink);
}

}  // namespace xdemux
