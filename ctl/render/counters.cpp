// SPDX-License-Identifier: BSD-2-Clause
#include "render/counters.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

bool selected(const CounterRow& row, const CounterSelection& selection, const PortNames& names) {
    if (selection.proto && *selection.proto != row.proto) return false;
    const auto& ports = row.proto == Proto::tcp ? selection.tcp_ports : selection.udp_ports;
    // Port 0 is counted too, though no listener may name it: it is shown with all ports.
    if (!ports || !(ports->is_all() || ports->covers(row.port))) return false;
    return !row.zero() || (selection.named && names.find(row.port, row.proto));
}

}  // namespace

std::vector<CounterRow> select_counters(std::vector<CounterRow> rows, const CounterSelection& selection,
                                        const PortNames& names) {
    std::erase_if(rows, [&](const CounterRow& row) { return !selected(row, selection, names); });
    if (!selection.top) return rows;
    std::stable_sort(rows.begin(), rows.end(),
                     [](const CounterRow& a, const CounterRow& b) { return a.seen.packets > b.seen.packets; });
    if (rows.size() > *selection.top) rows.resize(*selection.top);
    return rows;
}

Json to_json(const CounterRow& row, const PortNames& names) {
    return Json{{"proto", proto_name(row.proto)},
                {"port", row.port},
                {"service", to_json(names.find(row.port, row.proto))},
                {"packets", row.seen.packets},
                {"bytes", row.seen.bytes},
                {"dropped_packets", row.dropped.packets},
                {"dropped_bytes", row.dropped.bytes}};
}

void print_counters_json(std::span<const CounterRow> rows, const PortNames& names, const Sink& sink) {
    JsonList list("counters", sink);
    for (const CounterRow& row : rows)
        list.add(to_json(row, names));
    list.end();
}

void print_counters_text(std::span<const CounterRow> rows, const PortNames& names, const Sink& sink) {
    TextTable table{{"Netid"},
                    {"Port", Align::right},
                    {"Service"},
                    {"Packets", Align::right},
                    {"Bytes", Align::right},
                    {"Dropped-packets", Align::right},
                    {"Dropped-bytes", Align::right}};
    for (const CounterRow& row : rows) {
        table.add({std::string(proto_name(row.proto)), fmt::to_string(row.port),
                   names.find(row.port, row.proto).value_or("-"), fmt::to_string(row.seen.packets),
                   fmt::to_string(row.seen.bytes), fmt::to_string(row.dropped.packets),
                   fmt::to_string(row.dropped.bytes)});
    }
    table.print(sink);
}

Json to_json(const ReasonRow& row) {
    return Json{{"reason", reason_name(row.reason)},
                {"verdict", verdict_name(row.verdict)},
                {"packets", row.packets},
                {"bytes", row.bytes},
                {"monitored_packets", row.monitored_packets}};
}

void print_reasons_json(std::span<const ReasonRow> rows, const Sink& sink) {
    JsonList list("reasons", sink);
    for (const ReasonRow& row : rows)
        list.add(to_json(row));
    list.end();
}

void print_reasons_text(std::span<const ReasonRow> rows, const Sink& sink) {
    TextTable table{{"Reason"},
                    {"Verdict"},
                    {"Packets", Align::right},
                    {"Bytes", Align::right},
                    {"Monitored-packets", Align::right}};
    for (const ReasonRow& row : rows) {
        table.add({std::string(reason_name(row.reason)), std::string(verdict_name(row.verdict)),
                   fmt::to_string(row.packets), fmt::to_string(row.bytes), fmt::to_string(row.monitored_packets)});
    }
    table.print(sink);
}

}  // namespace xdemux
