// SPDX-License-Identifier: BSD-2-Clause
#include "render/listeners.h"

#include <string>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

std::string device_text(const ListenerRow& row) {
    if (!row.listener.device) return "-";
    return row.device_gone ? fmt::format("{} (gone)", row.listener.device->name) : row.listener.device->name;
}

std::string options_text(const Listener& listener) {
    std::string text;
    if (listener.v6only) text = "v6only";
    if (listener.reuseport) text += text.empty() ? "reuseport" : ",reuseport";
    return text.empty() ? "-" : text;
}

}  // namespace

Json to_json(const ListenerRow& row) {
    const Listener& listener = row.listener;
    Json json{{"proto", proto_name(listener.proto)},
              {"local", to_json(listener.local)},
              {"v6only", listener.v6only},
              {"dev", listener.device ? Json(listener.device->name) : Json(nullptr)},
              {"target", listener.target.to_string()},
              {"reuseport", listener.reuseport},
              {"name", text_or_null(listener.name)},
              {"packets", row.traffic.packets},
              {"bytes", row.traffic.bytes}};
    add_guard(json, listener.guard);
    return json;
}

void print_listeners_json(std::span<const ListenerRow> rows, const Sink& sink) {
    JsonList list("listeners", sink);
    for (const ListenerRow& row : rows)
        list.add(to_json(row));
    list.end();
}

void print_listeners_text(std::span<const ListenerRow> rows, const PortNames& names, const Sink& sink) {
    TextTable table{{"Netid"},
                    {"Local"},
                    {"Target"},
                    {"Dev"},
                    {"Options"},
                    {"Name"},
                    {"Packets", Align::right},
                    {"Bytes", Align::right},
                    {"Guard"}};
    for (const ListenerRow& row : rows) {
        const Listener& listener = row.listener;
        table.add({std::string(proto_name(listener.proto)),
                   names.local(listener.local, listener.proto, listener.v6only), listener.target.to_string(),
                   device_text(row), options_text(listener), listener.name.empty() ? "-" : listener.name,
                   fmt::to_string(row.traffic.packets), fmt::to_string(row.traffic.bytes), listener.guard.to_string()});
    }
    table.print(sink);
}

}  // namespace xdemux
