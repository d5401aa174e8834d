// SPDX-License-Identifier: BSD-2-Clause
#include "render/xsks.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

std::string_view fallback_of(const XskRow& row) {
    return target_kind_name(row.target.fallback.value_or(TargetKind::pass));
}

std::string process_text(const Process& process) {
    return process.name.empty() ? fmt::to_string(process.pid) : fmt::format("{} ({})", process.name, process.pid);
}

Json to_json(const XskQueueRow& queue) {
    return Json{{"dev", text_or_null(queue.dev)},
                {"ifindex", queue.ifindex},
                {"queue", queue.queue},
                {"process", Json{{"pid", queue.process.pid}, {"name", text_or_null(queue.process.name)}}},
                {"alive", queue.alive}};
}

/// Device, queue, state, process.
std::vector<std::string> queue_cells(const XskQueueRow& queue) {
    return {queue.dev.empty() ? fmt::format("{} (gone)", queue.ifindex) : queue.dev, fmt::to_string(queue.queue),
            queue.alive ? "open" : "closed", process_text(queue.process)};
}

}  // namespace

Json to_json(const XskRow& row) {
    Json queues = Json::array();
    for (const XskQueueRow& queue : row.queues)
        queues.push_back(to_json(queue));
    return Json{{"name", row.target.name},
                {"fallback", fallback_of(row)},
                {"packets", row.count.packets},
                {"bytes", row.count.bytes},
                {"fallback_packets", row.count.fallback_packets},
                {"fallback_bytes", row.count.fallback_bytes},
                {"queues", std::move(queues)}};
}

void print_xsks_json(std::span<const XskRow> rows, const Sink& sink) {
    JsonList list("xsks", sink);
    for (const XskRow& row : rows)
        list.add(to_json(row));
    list.end();
}

void print_xsks_text(std::span<const XskRow> rows, const Sink& sink) {
    TextTable table{{"Name"},
                    {"Packets", Align::right},
                    {"Fell-back", Align::right},
                    {"Fallback"},
                    {"Dev"},
                    {"Queue", Align::right},
                    {"Socket"},
                    {"Process"}};
    for (const XskRow& row : rows) {
        std::vector<std::string> cells{row.target.name, fmt::to_string(row.count.packets),
                                       fmt::to_string(row.count.fallback_packets), std::string(fallback_of(row))};
        if (row.queues.empty()) {
            cells.insert(cells.end(), {"-", "-", "none", "-"});
            table.add(cells);
        }
        for (const XskQueueRow& queue : row.queues) {
            std::ranges::copy(queue_cells(queue), std::back_inserter(cells));
            table.add(std::exchange(cells, {row.target.name, "", "", ""}));
        }
    }
    table.print(sink);
}

}  // namespace xdemux
