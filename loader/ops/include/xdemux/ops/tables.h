// SPDX-License-Identifier: BSD-2-Clause
// The tables of an instance that user space reads or writes, opened from their pins and checked once. It holds them;
// what is written in which order is the part of those who change them.
#pragma once

#include <cstdint>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/flow_table.h>
#include <xdemux/kernel/map.h>
#include <xdemux/kernel/pins.h>

namespace xdemux {

/// Where packets are steered to.
struct SteeringTables {
    Map<std::uint32_t, contract::target> targets;
    Map<std::uint32_t, contract::listener_target> listener_targets;
    CounterMap<contract::target_count> target_counts;
    Map<contract::group_member, contract::group_weight> group_members;
    Map<std::uint32_t, std::uint32_t> group_tables;  ///< written with a map's descriptor, read with its id
    Map<contract::xsk_queue, contract::xsk_place> xsk_queues;
    Map<std::uint32_t, std::uint32_t> cpus;     ///< frames that may wait
    Map<std::uint32_t, std::uint32_t> devs;     ///< ifindex, as the key
    Map<std::uint32_t, std::uint32_t> xsks;     ///< written with a socket's descriptor; cannot be read
    Map<std::uint32_t, std::uint64_t> sockets;  ///< written with a socket's descriptor, read with its cookie

    static Result<SteeringTables> open(const PinDirectory& pins);
};

struct Tables {
    MappedArray<contract::port_slot> port_slots;
    Map<std::uint32_t, contract::listener> listeners;
    Map<std::uint32_t, contract::journal> journal;
    Map<contract::listen_addr, contract::listen_entry> listen_addrs;
    Map<contract::listen_prefix, contract::listen_entry> listen_prefixes;
    Map<std::uint32_t, contract::guard> guards;
    Map<contract::guard_source, contract::guard_admits> guard_sources;
    Map<contract::guard_client, contract::guard_rate> guard_rates;
    Map<std::uint32_t, contract::local_hot> local_hot;
    Map<contract::local_route, contract::local_entry> local_routes;
    CounterMap<contract::traffic> port_counters;
    CounterMap<contract::traffic> port_drops;
    CounterMap<contract::traffic> listener_counts;
    CounterMap<contract::reason_counter> reason_counters;
    SteeringTables steering;
    FlowTable flows;

    static Result<Tables> open(const PinDirectory& pins, const contract::settings& settings);
};

}  // namespace xdemux
