// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <xdemux/kernel/lock.h>
#include <xdemux/ops/tables.h>

namespace xdemux {
namespace {

template <typename Table>
Result<Table> open_table(const PinDirectory& pins, const char* name) {
    auto handle = MapHandle::open(pins.path_of(name), name);
    if (!handle) return fail(std::move(handle.error()));
    return Table::open(std::move(*handle));
}

/// Opens table after table and remembers the first failure.
class Opener {
  public:
    explicit Opener(const PinDirectory& pins) : pins_(pins) {}

    template <typename Table>
    void open(std::optional<Table>& table, const char* name) {
        if (!status_) return;
        auto opened = open_table<Table>(pins_, name);
        if (opened) {
            table.emplace(std::move(*opened));
        } else {
            status_ = fail(std::move(opened.error()));
        }
    }
    [[nodiscard]] const Status& status() const { return status_; }

  private:
    const PinDirectory& pins_;
    Status status_;
};

Result<FlowTable> open_flows(const PinDirectory& pins, const contract::settings& settings, contract::port_slot* slots) {
    std::vector<MapHandle> maps;
    for (const auto* name : {"flow_lines4", "flows4", "flow_lines6", "flows6", "flow_carries", "flow_writers"}) {
        auto handle = MapHandle::open(pins.path_of(name), name);
        if (!handle) return fail(std::move(handle.error()));
        maps.push_back(std::move(*handle));
    }
    const std::string writers = fmt::format("{}/{}.flows.lock", InstanceLock::default_directory, pins.instance());
    return FlowTable::open({std::move(maps[0]), std::move(maps[1]), std::move(maps[2]), std::move(maps[3]),
                            std::move(maps[4]), std::move(maps[5])},
                           settings, slots, writers);
}

}  // namespace

Result<SteeringTables> SteeringTables::open(const PinDirectory& pins) {
    std::optional<Map<std::uint32_t, contract::target>> targets;
    std::optional<Map<std::uint32_t, contract::listener_target>> listener_targets;
    std::optional<CounterMap<contract::target_count>> target_counts;
    std::optional<Map<contract::group_member, contract::group_weight>> group_members;
    std::optional<Map<std::uint32_t, std::uint32_t>> group_tables;
    std::optional<Map<contract::xsk_queue, contract::xsk_place>> xsk_queues;
    std::optional<Map<std::uint32_t, std::uint32_t>> cpus;
    std::optional<Map<std::uint32_t, std::uint32_t>> devs;
    std::optional<Map<std::uint32_t, std::uint32_t>> xsks;
    std::optional<Map<std::uint32_t, std::uint64_t>> sockets;

    Opener opener(pins);
    opener.open(targets, "targets");
    opener.open(listener_targets, "listener_targets");
    opener.open(target_counts, "target_counts");
    opener.open(group_members, "group_members");
    opener.open(group_tables, "group_tables");
    opener.open(xsk_queues, "xsk_queues");
    opener.open(cpus, "cpus");
    opener.open(devs, "devs");
    opener.open(xsks, "xsks");
    opener.open(sockets, "sockets");
    if (!opener.status()) return fail(opener.status().error());
    return SteeringTables{
        std::move(*targets),      std::move(*listener_targets), std::move(*target_counts), std::move(*group_members),
        std::move(*group_tables), std::move(*xsk_queues),       std::move(*cpus),          std::move(*devs),
        std::move(*xsks),         std::move(*sockets)};
}

Result<Tables> Tables::open(const PinDirectory& pins, const contract::settings& settings) {
    std::optional<MappedArray<contract::port_slot>> port_slots;
    std::optional<Map<std::uint32_t, contract::listener>> listeners;
    std::optional<Map<std::uint32_t, contract::journal>> journal;
    std::optional<Map<contract::listen_addr, contract::listen_entry>> listen_addrs;
    std::optional<Map<contract::listen_prefix, contract::listen_entry>> listen_prefixes;
    std::optional<Map<std::uint32_t, contract::guard>> guards;
    std::optional<Map<contract::guard_source, contract::guard_admits>> guard_sources;
    std::optional<Map<contract::guard_client, contract::guard_rate>> guard_rates;
    std::optional<Map<std::uint32_t, contract::local_hot>> local_hot;
    std::optional<Map<contract::local_route, contract::local_entry>> local_routes;
    std::optional<CounterMap<contract::traffic>> port_counters;
    std::optional<CounterMap<contract::traffic>> port_drops;
    std::optional<CounterMap<contract::traffic>> listener_counts;
    std::optional<CounterMap<contract::reason_counter>> reason_counters;

    Opener opener(pins);
    opener.open(port_slots, "port_slots");
    opener.open(listeners, "listeners");
    opener.open(journal, "journal");
    opener.open(listen_addrs, "listen_addrs");
    opener.open(listen_prefixes, "listen_prefixes");
    opener.open(guards, "guards");
    opener.open(guard_sources, "guard_sources");
    opener.open(guard_rates, "guard_rates");
    opener.open(local_hot, "local_hot");
    opener.open(local_routes, "local_routes");
    opener.open(port_counters, "port_counters");
    opener.open(port_drops, "port_drops");
    opener.open(listener_counts, "listener_counts");
    opener.open(reason_counters, "reason_counters");
    if (!opener.status()) return fail(opener.status().error());
    auto flows = open_flows(pins, settings, &(*port_slots)[0]);
    if (!flows) return fail(std::move(flows.error()));
    auto steering = SteeringTables::open(pins);
    if (!steering) return fail(std::move(steering.error()));
    return Tables{
        std::move(*port_slots),      std::move(*listeners),       std::move(*journal),       std::move(*listen_addrs),
        std::move(*listen_prefixes), std::move(*guards),          std::move(*guard_sources), std::move(*guard_rates),
        std::move(*local_hot),       std::move(*local_routes),    std::move(*port_counters), std::move(*port_drops),
        std::move(*listener_counts), std::move(*reason_counters), std::move(*steering),      std::move(*flows)};
}

}  // namespace xdemux
