// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <map>
#include <utility>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/kernel/port_sysctl.h>
#include <xdemux/ops/flows.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/memory.h>
#include <xdemux/ops/snapshot.h>

namespace xdemux {
namespace {

TrafficCount count_of(const contract::traffic& traffic) {
    return {traffic.packets, traffic.bytes};
}

Result<std::map<std::uint32_t, std::string>> device_names() {
    const auto all = interfaces();
    if (!all) return fail(all.error());
    std::map<std::uint32_t, std::string> names;
    for (const auto& interface : *all)
        names.emplace(interface.ifindex, interface.name);
    return names;
}

}  // namespace

Result<InstanceStatus> read_status(const Instance& instance) {
    InstanceStatus status;
    status.instance = instance.name();
    status.netns = netns_name();
    status.settings = settings_in_force(instance);
    status.pending = pending_confirm(instance);
    auto attached = attached_interfaces(instance);
    if (!attached) return fail(std::move(attached.error()));
    status.interfaces = std::move(*attached);
    auto targets = target_rows(instance);
    if (!targets) return fail(std::move(targets.error()));
    status.targets = std::move(*targets);
    status.contract = instance.settings().contract;
    const auto memory = table_memory(instance);
    if (!memory) return fail(memory.error());
    status.memory_bytes = *memory;
    status.flow_capacity = instance.tables().flows.capacity();
    status.listener_capacity = instance.tables().listeners.capacity();
    status.shared_port_counters = instance.settings().shared_counters != 0;
    return status;
}

Result<std::vector<ListenerRow>> read_listener_rows(const Instance& instance) {
    const auto listeners = read_listeners(instance);
    if (!listeners) return fail(listeners.error());
    const auto devices = device_names();
    if (!devices) return fail(devices.error());
    std::vector<ListenerRow> rows;
    for (const auto& [id, listener] : listeners->listeners()) {
        const auto traffic = instance.tables().listener_counts.read(id);
        if (!traffic) return fail(traffic.error());
        ListenerRow row{listener, false, count_of(*traffic)};
        if (row.listener.device) {
            const auto device = devices->find(row.listener.device->ifindex);
            row.device_gone = device == devices->end();
            if (!row.device_gone) row.listener.device->name = device->second;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

Result<std::vector<CounterRow>> read_counters(const Instance& instance, bool all) {
    const Tables& tables = instance.tables();
    std::vector<contract::traffic> dropped(contract::PORT_INDEXES);
    auto walked = tables.port_drops.for_each([&](std::uint32_t index, const contract::traffic& traffic) {
        dropped[index] = traffic;
        return true;
    });
    if (!walked) return fail(walked.error());
    std::vector<CounterRow> rows;
    walked = tables.port_counters.for_each([&](std::uint32_t index, const contract::traffic& traffic) {
        const CounterRow row{static_cast<Proto>(index >> 16U), static_cast<std::uint16_t>(index & 0xffffU),
                             count_of(traffic), count_of(dropped[index])};
        if (all || !row.zero()) rows.push_back(row);
        return true;
    });
    if (!walked) return fail(walked.error());
    return rows;
}

Result<CounterRow> read_counter(const Instance& instance, Proto proto, std::uint16_t port) {
    const std::uint32_t index = port_index(proto, port);
    const auto seen = instance.tables().port_counters.read(index);
    if (!seen) return fail(seen.error());
    const auto dropped = instance.tables().port_drops.read(index);
    if (!dropped) return fail(dropped.error());
    return CounterRow{proto, port, count_of(*seen), count_of(*dropped)};
}

Result<std::vector<ReasonRow>> read_reasons(const Instance& instance) {
    std::vector<ReasonRow> rows;
    const auto walked =
        instance.tables().reason_counters.for_each([&](std::uint32_t index, const contract::reason_counter& counter) {
            if (counter.packets == 0) return true;
            rows.push_back({static_cast<contract::reason>(index / contract::VERDICT_COUNT),
                            static_cast<contract::verdict>(index % contract::VERDICT_COUNT), counter.packets,
                            counter.bytes, counter.monitored_packets});
            return true;
        });
    if (!walked) return fail(walked.error());
    return rows;
}

Result<PortInfo> read_port(const Instance& instance, std::uint16_t port) {
    PortInfo info;
    info.port = port;
    info.range = iana_range(port);
    info.first_unprivileged = first_unprivileged_port();
    info.privileged = port < info.first_unprivileged;
    auto listeners = read_listener_rows(instance);
    if (!listeners) return fail(std::move(listeners.error()));
    std::erase_if(*listeners, [&](const ListenerRow& row) { return !row.listener.local.ports.covers(port); });
    info.listeners = std::move(*listeners);

    EndpointQuery query;
    query.processes = true;
    query.filter = [port](const Endpoint& endpoint) {
        return endpoint.source == EndpointSource::host && endpoint.state == EndpointState::listen &&
               endpoint.local.ports.covers(port);
    };
    query.flows = false;
    auto sockets = read_endpoints(instance, query);
    if (!sockets) return fail(std::move(sockets.error()));
    info.host_sockets = std::move(*sockets);
    for (const auto proto : {Proto::tcp, Proto::udp}) {
        const auto counter = read_counter(instance, proto, port);
        if (!counter) return fail(counter.error());
        info.counters.push_back(*counter);
    }
    const Tables& tables = instance.tables();
    info.tcp_flows = tables.port_slots[port_index(Proto::tcp, port)].flows;
    info.udp_flows = tables.port_slots[port_index(Proto::udp, port)].flows;
    return info;
}

}  // namespace xdemux
