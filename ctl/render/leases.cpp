// SPDX-License-Identifier: BSD-2-Clause
#include "render/leases.h"

#include <string>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

LocalEndpoint local_of(const LeaseRow& row) {
    return {LocalForm::exact, {row.local, address_bits(row.local.family())}, row.ports};
}

std::string owner_text(const LeaseRow& row) {
    if (row.owner.empty()) return "-";
    return row.pid ? fmt::format("{} ({})", row.owner, *row.pid) : row.owner;
}

}  // namespace

Json to_json(const LeaseRow& row) {
    return Json{{"proto", proto_name(row.proto)},
                {"state", lease_state_name(row.state)},
                {"local", to_json(local_of(row))},
                {"remote", to_json(row.remote)},
                {"target", to_json(row.target)},
                {"owner", text_or_null(row.owner)},
                {"pid", row.pid ? Json(*row.pid) : Json(nullptr)},
                {"idle_seconds", row.idle ? Json(row.idle->count()) : Json(nullptr)}};
}

void print_leases_json(std::span<const LeaseRow> rows, const Sink& sink) {
    JsonList list("leases", sink);
    for (const LeaseRow& row : rows)
        list.add(to_json(row));
    list.end();
}

void print_leases_text(std::span<const LeaseRow> rows, const Sink& sink) {
    TextTable table{{"Netid"}, {"State"}, {"Local"}, {"Remote"}, {"Target"}, {"Owner"}, {"Idle", Align::right}};
    for (const LeaseRow& row : rows) {
        table.add({std::string(proto_name(row.proto)), std::string(lease_state_name(row.state)),
                   local_of(row).to_string(), row.remote ? row.remote->to_string() : "*",
                   row.target ? row.target->to_string() : "-", owner_text(row),
                   row.idle ? fmt::format("{} s", row.idle->count()) : "-"});
    }
    table.print(sink);
}

void print_leased_text(std::span<const LeaseRow> rows, const Sink& sink) {
    for (const LeaseRow& row : rows)
        sink(local_of(row).to_string() + "\n");
}

}  // namespace xdemux
