// SPDX-License-Identifier: BSD-2-Clause
#include "commands/table.h"

#include <memory>

#include <xdemux/ops/snapshot.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/endpoints.h"

namespace xdemux {
namespace {

SocketState state_of(EndpointState state) {
    switch (state) {
        case EndpointState::listen:
            return SocketState::listening;
        case EndpointState::established:
            return SocketState::established;
        case EndpointState::time_wait:
            break;
    }
    return SocketState::time_wait;
}

Status run_table(const FilterArguments& arguments, Session& session) {
    const auto filter = arguments.filter();
    if (!filter) return fail(filter.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    EndpointQuery query;
    if (!filter->empty()) {
        query.filter = [&](const Endpoint& endpoint) {
            return filter->matches(
                {endpoint.proto, endpoint.local.family(), state_of(endpoint.state), endpoint.local, endpoint.remote});
        };
    }
    query.processes = true;
    const auto endpoints = read_endpoints(*instance, query);
    if (!endpoints) return fail(endpoints.error());
    if (session.json()) {
        print_endpoints_json(*endpoints, session.sink());
    } else {
        print_endpoints_text(*endpoints, arguments.names(), session.sink());
    }
    return {};
}

}  // namespace

void add_table_command(Command root, Commands& commands) {
    auto arguments = std::make_shared<FilterArguments>();
    Command table = root.add_command("table", "the port table: flows, listeners and the host's sockets, in order");
    add_filter_options(table, *arguments);
    commands.add(table, [arguments](Session& session) { return run_table(*arguments, session); });
}

}  // namespace xdemux
