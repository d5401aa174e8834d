// SPDX-License-Identifier: BSD-2-Clause
#include "render/endpoints.h"

#include <string>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

/// "*:*", "0.0.0.0:*" or "[::]:*": the peers that an endpoint without one hears.
std::string any_peer(const Endpoint& endpoint) {
    if (endpoint.local.family() == Family::ipv4) return "0.0.0.0:*";
    return endpoint.local.form == LocalForm::wildcard && !endpoint.v6only ? "*:*" : "[::]:*";
}

std::string process_text(const Endpoint& endpoint) {
    if (!endpoint.process) return "";
    return fmt::format("{} ({})", endpoint.process->name, endpoint.process->pid);
}

}  // namespace

Json to_json(const Endpoint& endpoint) {
    Json json{{"proto", proto_name(endpoint.proto)},
              {"state", endpoint_state_name(endpoint.state)},
              {"local", to_json(endpoint.local)},
              {"remote", to_json(endpoint.remote)},
              {"target", to_json(endpoint.target)},
              {"dev", to_json(endpoint.dev)},
              {"source", endpoint_source_name(endpoint.source)}};
    add_guard(json, endpoint.guard);
    json["process"] = to_json(endpoint.process);
    json["shadowed_by"] = to_json(endpoint.shadowed_by);
    return json;
}

void print_endpoints_json(std::span<const Endpoint> endpoints, const Sink& sink) {
    JsonList list("endpoints", sink);
    for (const Endpoint& endpoint : endpoints)
        list.add(to_json(endpoint));
    list.end();
}

void print_endpoints_text(std::span<const Endpoint> endpoints, const PortNames& names, const Sink& sink) {
    TextTable table{{"Netid"}, {"State"},  {"Local"},   {"Peer"},  {"Target"},
                    {"Dev"},   {"Source"}, {"Process"}, {"Guard"}, {"Shadowed-by"}};
    for (const Endpoint& endpoint : endpoints) {
        const Proto proto = endpoint.proto;
        table.add({std::string(proto_name(proto)), std::string(endpoint_state_name(endpoint.state)),
                   names.local(endpoint.local, proto, endpoint.v6only),
                   endpoint.remote ? names.address(*endpoint.remote, proto) : any_peer(endpoint),
                   endpoint.target ? endpoint.target->to_string() : "-", endpoint.dev.value_or("-"),
                   std::string(endpoint_source_name(endpoint.source)), process_text(endpoint),
                   endpoint.guard.to_string(), endpoint.shadowed_by.value_or("")});
    }
    table.print(sink);
}

}  // namespace xdemux
