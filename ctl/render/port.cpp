// SPDX-License-Identifier: BSD-2-Clause
#include "render/port.h"

#include <string>

#include <fmt/format.h>

#include "render/counters.h"
#include "render/endpoints.h"
#include "render/listeners.h"

namespace xdemux {
namespace {

template <typename Rows, typename... Names>
Json array_of(const Rows& rows, const Names&... names) {
    Json array = Json::array();
    for (const auto& row : rows)
        array.push_back(to_json(row, names...));
    return array;
}

std::string services_text(const PortInfo& info, const PortNames& names) {
    const auto tcp = names.find(info.port, Proto::tcp);
    const auto udp = names.find(info.port, Proto::udp);
    if (tcp && tcp == udp) return fmt::format("{} (tcp, udp)", *tcp);
    std::string text;
    if (tcp) text = fmt::format("{} (tcp)", *tcp);
    if (udp) text += fmt::format("{}{} (udp)", text.empty() ? "" : ", ", *udp);
    return text.empty() ? "-" : text;
}

std::string privilege_text(const PortInfo& info) {
    return info.privileged
               ? fmt::format("yes: below {}, binding it needs CAP_NET_BIND_SERVICE", info.first_unprivileged)
               : fmt::format("no: from {} on, any process may bind it", info.first_unprivileged);
}

}  // namespace

Json to_json(const PortInfo& info, const PortNames& names) {
    const PortLimits limits = iana_limits(info.range);
    return Json{
        {"port", info.port},
        {"range", iana_range_name(info.range)},
        {"range_first", limits.first},
        {"range_last", limits.last},
        {"privileged", info.privileged},
        {"first_unprivileged", info.first_unprivileged},
        {"services",
         {{"tcp", to_json(names.find(info.port, Proto::tcp))}, {"udp", to_json(names.find(info.port, Proto::udp))}}},
        {"listeners", array_of(info.listeners)},
        {"host_sockets", array_of(info.host_sockets)},
        {"flows", {{"tcp", info.tcp_flows}, {"udp", info.udp_flows}}},
        {"counters", array_of(info.counters, names)}};
}

void print_port_json(const PortInfo& info, const PortNames& names, const Sink& sink) {
    print_json("port", to_json(info, names), sink);
}

void print_port_text(const PortInfo& info, const PortNames& names, const Sink& sink) {
    const auto line = [&](std::string_view name, std::string_view value) {
        sink(fmt::format("{:<11}{}\n", name, value));
    };
    const PortLimits limits = iana_limits(info.range);
    line("port", fmt::to_string(info.port));
    line("range", fmt::format("{} ({}-{})", iana_range_name(info.range), limits.first, limits.last));
    line("privileged", privilege_text(info));
    line("service", services_text(info, names));
    line("flows", fmt::format("{} tcp, {} udp", info.tcp_flows, info.udp_flows));
    sink("\nlisteners\n");
    print_listeners_text(info.listeners, names, sink);
    sink("\nhost sockets\n");
    print_endpoints_text(info.host_sockets, names, sink);
    sink("\ncounters\n");
    print_counters_text(info.counters, names, sink);
}

}  // namespace xdemux
