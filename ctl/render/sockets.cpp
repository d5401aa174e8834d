// SPDX-License-Identifier: BSD-2-Clause
#include "render/sockets.h"

#include <string>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

std::string_view fallback_name(const SocketRow& row) {
    return target_kind_name(row.target.fallback.value_or(TargetKind::pass));
}

std::optional<SocketAddress> local_of(const SocketRow& row) {
    if (!row.socket) return std::nullopt;
    return SocketAddress{row.socket->local, row.socket->local_port};
}

std::string process_cell(const SocketRow& row) {
    return row.process ? fmt::format("{} ({})", row.process->name, row.process->pid) : "-";
}

}  // namespace

Json to_json(const SocketRow& row) {
    return Json{{"name", row.target.name},
                {"proto", row.socket ? Json(proto_name(row.socket->proto)) : Json(nullptr)},
                {"local", to_json(local_of(row))},
                {"v6only", row.socket ? Json(row.socket->v6only) : Json(nullptr)},
                {"cookie", row.cookie ? Json(*row.cookie) : Json(nullptr)},
                {"process", to_json(row.process)},
                {"listeners", row.users},
                {"fallback", fallback_name(row)},
                {"packets", row.count.packets},
                {"fallback_packets", row.count.fallback_packets}};
}

void print_sockets_json(std::span<const SocketRow> rows, const Sink& sink) {
    JsonList list("sockets", sink);
    for (const SocketRow& row : rows)
        list.add(to_json(row));
    list.end();
}

void print_sockets_text(std::span<const SocketRow> rows, const Sink& sink) {
    TextTable table{{"Name"},
                    {"Netid"},
                    {"Local"},
                    {"Process"},
                    {"Cookie", Align::right},
                    {"Listeners", Align::right},
                    {"Packets", Align::right},
                    {"Fallback"},
                    {"Fallback-packets", Align::right}};
    for (const SocketRow& row : rows) {
        const auto local = local_of(row);
        table.add({row.target.name, row.socket ? std::string(proto_name(row.socket->proto)) : "-",
                   local ? local->to_string() : "-", process_cell(row), row.cookie ? fmt::to_string(*row.cookie) : "-",
                   fmt::to_string(row.users), fmt::to_string(row.count.packets), std::string(fallback_name(row)),
                   fmt::to_string(row.count.fallback_packets)});
    }
    table.print(sink);
}

}  // namespace xdemux
