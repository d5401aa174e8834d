// SPDX-License-Identifier: BSD-2-Clause
#include "subject.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <xdemux/kernel/group_table.h>

#include "support/bpf_maps.h"
#include "support/local_tables.h"
#include "support/packet_builder.h"
#include "support/testbed.h"

// The skeleton names the types of the program's variables as C does.
using xdemux::contract::blocking;
using xdemux::contract::local_hot;
using xdemux::contract::settings;
using xdemux::contract::watch;
#include "demux.skel.h"

namespace xdemux::bench {
namespace {

using namespace contract;
using test::ip_address;
using test::IpAddress;

constexpr std::uint32_t cpu_queue = 192;  // frames

family family_of(const IpAddress& address) {
    return address.ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
}

listen_addr key_of(const Listener& listener, family family) {
    listen_addr key{};
    key.ifindex = listener.ifindex;
    key.port = listener.port;
    key.proto = static_cast<__u8>(listener.proto);
    key.family = static_cast<__u8>(family);
    return key;
}

// Of the test bed's peer, whose IPv6 prefix all peers have.
flow_key key_of(proto proto, std::uint16_t local_port, bool ipv6) {
    const IpAddress local = ip_address(ipv6 ? test::host_ipv6 : test::host_ipv4);
    const IpAddress remote = ip_address(ipv6 ? test::peer_ipv6 : test::peer_ipv4);
    flow_key key{};
    std::copy(local.bytes.begin(), local.bytes.end(), key.local_addr);
    std::copy(remote.bytes.begin(), remote.bytes.end(), key.remote_addr);
    key.local_port = local_port;
    key.proto = static_cast<__u8>(proto);
    key.family = static_cast<__u8>(ipv6 ? FAMILY_IPV6 : FAMILY_IPV4);
    return key;
}

void set_peer(flow_key& key, const mix_peer& peer) {
    std::copy(std::begin(peer.addr), std::end(peer.addr), key.remote_addr + (key.family == FAMILY_IPV6 ? 12 : 0));
    key.remote_port = static_cast<__u16>(peer.port[0] << 8 | peer.port[1]);
}

}  // namespace

Subject::Subject(const contract::settings& settings, std::uint32_t flow_capacity)
    : settings_(settings), skeleton_(demux::open()) {
    if (skeleton_ == nullptr) test::give_up("cannot open the skeleton");
    if (flow_capacity != 0) test::FlowMemory::resize(*skeleton_->obj, flow_capacity, settings_);
    skeleton_->rodata_settings->settings = settings_;
    if (const int error = demux::load(skeleton_); error != 0) {
        demux::destroy(skeleton_);
        test::give_up("cannot load the program", -error);
    }
    flows_ = std::make_unique<test::FlowMemory>(*skeleton_->obj, settings_);
    set_first_locals();
}

Subject::~Subject() {
    flows_.reset();
    demux::destroy(skeleton_);
}

int Subject::table(const char* name) const {
    return bpf_object__find_map_fd_by_name(skeleton_->obj, name);
}

int Subject::fd() const {
    return bpf_program__fd(skeleton_->progs.xdemux);
}

// The map is named after the variable's section.
void Subject::put_local() {
    const bpf_map* map = bpf_object__find_map_by_name(skeleton_->obj, ".data.local_hot");
    if (map == nullptr) throw std::runtime_error("the object has no local_hot");
    test::put(map, 0U, local_);
}

// Unused places hold an address that is always local.
void Subject::set_first_locals() {
    for (auto& place : local_.ipv4)
        std::memcpy(place, ip_address("127.0.0.1").bytes.data(), sizeof(place));
    for (auto& place : local_.ipv6)
        std::memcpy(place, ip_address("::1").bytes.data(), sizeof(place));
    std::memcpy(local_.ipv4[0], ip_address(test::host_ipv4).bytes.data(), sizeof(local_.ipv4[0]));
    std::memcpy(local_.ipv6[0], ip_address(test::host_ipv6).bytes.data(), sizeof(local_.ipv6[0]));
    put_local();
    test::add_links(skeleton_->maps.local_routes);
}

void Subject::add_local(std::string_view address) {
    const IpAddress ip = ip_address(address);
    local_route key{};
    key.prefixlen = LOCAL_ROUTE_FIXED_BITS + 8 * static_cast<__u32>(ip.size());
    key.family = static_cast<__u8>(family_of(ip));
    std::copy(ip.bytes.begin(), ip.bytes.end(), key.addr);
    test::put(skeleton_->maps.local_routes, key, local_entry{LOCAL_BY_ROUTE});
    local_.more[key.family] = 1;
    put_local();
}

void Subject::change_slot(proto proto, std::uint16_t port, auto&& change) {
    const std::uint32_t index = static_cast<std::uint32_t>(proto) << 16 | port;
    port_slot& slot = slots_[index];
    change(slot);
    test::put(skeleton_->maps.port_slots, index, slot);
}

void Subject::add_wildcard(const Listener& listener) {
    const std::uint32_t id = ++listeners_;
    if (listener.ifindex != 0)
        test::put(skeleton_->maps.listen_addrs, key_of(listener, FAMILY_DUAL), listen_entry{id, TARGET_PASS, 0, 0, {}});
    change_slot(listener.proto, listener.port, [&](port_slot& slot) {
        for (const auto family : {FAMILY_IPV4, FAMILY_IPV6}) {
            if (listener.ifindex != 0) {
                slot.hints[family] |= HINT_WILDCARD_BOUND;
                continue;
            }
            slot.listener[family] = id;
            slot.target[family] = static_cast<__u8>(listener.target);
            slot.hints[family] |= HINT_WILDCARD_DUAL;
        }
    });
}

void Subject::add_guarded_wildcard(const Listener& listener, std::uint32_t networks) {
    add_wildcard(listener);
    for (std::uint32_t i = 0; i < networks; i++) {
        guard_source key{};
        key.prefixlen = GUARD_SOURCE_FIXED_BITS + 24;
        key.listener = listeners_;
        key.family = FAMILY_IPV4;
        const mix_peer first = mix_peer_of(i << 8);
        std::copy(std::begin(first.addr), std::end(first.addr), key.addr);
        test::put(skeleton_->maps.guard_sources, key, guard_admits{listeners_});
    }
    guard value{};
    value.prefixes = networks;
    value.serial = listeners_;
    test::put(skeleton_->maps.guards, listeners_, value);
    change_slot(listener.proto, listener.port, [](port_slot& slot) {
        for (auto& hints : slot.hints)
            hints |= HINT_WILDCARD_GUARDED;
    });
}

void Subject::add_steered_wildcard(const Listener& listener, std::uint32_t number) {
    add_wildcard(listener);
    test::put(skeleton_->maps.listener_targets, listeners_, listener_target{number});
    change_slot(listener.proto, listener.port, [](port_slot& slot) {
        for (auto& target : slot.target)
            target = TARGET_STEER;
    });
}

std::uint32_t Subject::add_target(target_kind kind, std::uint32_t first) {
    contract::target row{};
    row.kind = kind;
    row.fallback = TARGET_PASS;
    row.first = first;
    row.count = 1;
    const std::uint32_t number = TARGET_FIRST + targets_++;
    test::put(skeleton_->maps.targets, number, row);
    return number;
}

void Subject::add_cpu_wildcard(const Listener& listener) {
    test::put(skeleton_->maps.cpus, 0U, cpu_queue);
    add_steered_wildcard(listener, add_target(TARGET_CPU));
}

void Subject::add_dev_wildcard(const Listener& listener, std::uint32_t ifindex) {
    test::put(skeleton_->maps.devs, ifindex, ifindex);
    add_steered_wildcard(listener, add_target(TARGET_DEV, ifindex));
}

void Subject::add_xsk_wildcard(const Listener& listener, std::uint32_t ifindex) {
    constexpr std::uint32_t place = 0;
    auto socket = XskSocket::open({ifindex, 0});
    if (!socket) throw std::runtime_error(socket.error().message());
    xsk_.emplace(std::move(*socket));
    const std::uint32_t number = add_target(TARGET_XSK);
    test::put(skeleton_->maps.xsks, place, xsk_->fd());
    test::put(skeleton_->maps.xsk_queues, xsk_queue{ifindex, 0, number}, xsk_place{place, 0});
    add_steered_wildcard(listener, number);
}

void Subject::add_grouped_wildcard(const Listener& listener, std::uint32_t members) {
    const std::uint32_t group = add_target(TARGET_GROUP), first_member = group + 1;
    test::put(skeleton_->maps.cpus, 0U, cpu_queue);
    for (std::uint32_t i = 0; i < members; i++)
        add_target(TARGET_CPU);
    std::vector<std::uint16_t> numbers;
    for (std::uint32_t place = 0; place < GROUP_PLACES; place++)
        numbers.push_back(static_cast<std::uint16_t>(first_member + place * 7919U % members));  // neighbours differ
    const auto table = make_group_table(numbers);
    if (!table) throw std::runtime_error(table.error().message());
    test::put(skeleton_->maps.group_tables, group, table->get());
    add_steered_wildcard(listener, group);
}

void Subject::add_exact(const Listener& listener, std::string_view address) {
    const IpAddress ip = ip_address(address);
    listen_addr key = key_of(listener, family_of(ip));
    std::copy(ip.bytes.begin(), ip.bytes.end(), key.addr);
    test::put(skeleton_->maps.listen_addrs, key,
              listen_entry{++listeners_, listener.target, static_cast<__u8>(8 * ip.size()), 0, {}});
    change_slot(listener.proto, listener.port, [&](port_slot& slot) {
        slot.hints[family_of(ip)] |= listener.ifindex != 0 ? HINT_EXACT_BOUND : HINT_EXACT;
    });
}

void Subject::add_prefix(const Listener& listener, std::string_view prefix, std::uint32_t bits) {
    const IpAddress ip = ip_address(prefix);
    listen_prefix key{};
    key.prefixlen = LISTEN_PREFIX_FIXED_BITS + bits;
    key.ifindex = listener.ifindex;
    key.port = listener.port;
    key.proto = static_cast<__u8>(listener.proto);
    key.family = static_cast<__u8>(family_of(ip));
    std::copy(ip.bytes.begin(), ip.bytes.end(), key.addr);
    test::put(skeleton_->maps.listen_prefixes, key,
              listen_entry{++listeners_, TARGET_PASS, static_cast<__u8>(bits), 0, {}});
    change_slot(listener.proto, listener.port, [&](port_slot& slot) {
        slot.hints[family_of(ip)] |= listener.ifindex != 0 ? HINT_PREFIX_BOUND : HINT_PREFIX;
    });
}

std::vector<flow_key> Subject::flow_keys(proto proto, std::uint16_t local_port, const mix_peers& peers) {
    std::vector<flow_key> keys(peers.count, key_of(proto, local_port, peers.ipv6 != 0));
    for (std::uint32_t i = 0; i < peers.count; i++)
        set_peer(keys[i], mix_peer_of(peers.first + i));
    return keys;
}

// Of the test bed's peer.
flow_key Subject::flow_key_of(proto proto, std::uint16_t local_port, std::uint16_t remote_port, bool ipv6) {
    flow_key key = key_of(proto, local_port, ipv6);
    key.remote_port = remote_port;
    return key;
}

void Subject::add_flow(const flow_key& key, target_kind target) {
    FlowFacts facts;
    facts.target = static_cast<std::uint16_t>(target);
    flows_->put(key, facts);
    change_slot(static_cast<proto>(key.proto), key.local_port, [](port_slot& slot) { slot.flows++; });
}

void Subject::add_flows(proto proto, std::uint16_t local_port, const mix_peers& peers) {
    for (const flow_key& key : flow_keys(proto, local_port, peers))
        flows_->put(key, {});
    change_slot(proto, local_port, [&](port_slot& slot) { slot.flows += peers.count; });
}

reason_counter Subject::counted(reason reason, verdict verdict) const {
    const std::uint32_t index = static_cast<std::uint32_t>(reason) * VERDICT_COUNT + verdict;
    std::vector<reason_counter> cpus(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.reason_counters), &index, cpus.data()) != 0)
        test::give_up("cannot read the reason counters");
    reason_counter total{};
    for (const reason_counter& cpu : cpus) {
        total.packets += cpu.packets;
        total.bytes += cpu.bytes;
        total.monitored_packets += cpu.monitored_packets;
    }
    return total;
}

}  // namespace xdemux::bench
