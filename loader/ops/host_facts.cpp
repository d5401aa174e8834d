// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <thread>

#include <xdemux/kernel/bpffs.h>
#include <xdemux/kernel/link.h>
#include <xdemux/kernel/net_sysctl.h>
#include <xdemux/kernel/pins.h>
#include <xdemux/kernel/privilege.h>
#include <xdemux/kernel/socket_lookup.h>
#include <xdemux/ops/host_facts.h>

namespace xdemux {
namespace {

template <typename T>
std::optional<T> known(const Result<T>& result) {
    return result ? std::optional(*result) : std::nullopt;
}

/// The devices above any of `devices`, each once.
Result<std::vector<Interface>> all_above(const std::set<std::uint32_t>& devices) {
    const auto all = interfaces();
    if (!all) return fail(all.error());
    std::vector<Interface> above;
    std::set<std::uint32_t> seen;
    for (const auto ifindex : devices) {
        for (auto& each : devices_above(*all, ifindex)) {
            if (seen.insert(each.ifindex).second) above.push_back(std::move(each));
        }
    }
    return above;
}

/// Walks /proc only where there is someone to be named.
void find_owners(TrafficFacts& facts) {
    std::set<std::uint64_t> wanted;
    for (const auto& socket : facts.packet_sockets)
        wanted.insert(socket.inode);
    for (const auto& socket : facts.raw_sockets)
        wanted.insert(socket.inode);
    if (wanted.empty()) return;
    facts.owners = socket_owners();
    std::erase_if(facts.owners, [&](const auto& owner) { return !wanted.contains(owner.first); });
}

}  // namespace

KernelFacts kernel_facts() {
    KernelFacts facts;
    facts.features = kernel_features();
    facts.locked_memory = locked_memory_limit();
    facts.cgroup_left = cgroup_memory_left();
    facts.bpffs = require_bpffs(std::string(PinDirectory::bpffs)).has_value();
    if (const auto able = require_capabilities(); !able) facts.capabilities = able.error().message();
    return facts;
}

DeviceFacts device_facts(const Interface& device, std::span<const Interface> all, const std::set<std::uint32_t>& ours) {
    DeviceFacts facts;
    facts.device = device;
    facts.driver = known(driver_name(device.name));
    facts.xdp = xdp_features(device.ifindex);
    facts.large_receive_offload = known(large_receive_offload(device.name));
    facts.receive_vlan_offload = known(receive_vlan_offload(device.name));
    facts.channels = known(channels(device.name));
    facts.cpus = std::max(1U, std::thread::hardware_concurrency());
    facts.above = devices_above(all, device.ifindex);
    facts.forwards_ipv4 = forwards(device.name, Family::ipv4);
    facts.forwards_ipv6 = forwards(device.name, Family::ipv6);
    facts.ours = ours.contains(device.ifindex);
    if (device.xdp_prog_id != 0 && !facts.ours) facts.holder = xdp_holder(device);
    return facts;
}

Result<TrafficFacts> traffic_facts(const std::set<std::uint32_t>& devices) {
    TrafficFacts facts;
    facts.devices = devices;
    auto above = all_above(devices);
    if (!above) return fail(above.error());
    facts.devices_above = std::move(*above);
    auto packet = packet_sockets();
    if (!packet) return fail(packet.error());
    facts.packet_sockets = std::move(*packet);
    auto raw = raw_sockets();
    if (!raw) return fail(raw.error());
    facts.raw_sockets = std::move(*raw);
    find_owners(facts);
    auto rewrites = rewrite_rules();
    if (!rewrites) return fail(rewrites.error());
    facts.rewrites = std::move(*rewrites);
    auto services = virtual_services();
    if (!services) return fail(services.error());
    facts.services = std::move(*services);
    auto sockets = host_sockets();
    if (!sockets) return fail(sockets.error());
    facts.sockets = std::move(*sockets);
    facts.ephemeral = ephemeral_range();
    facts.reserved = reserved_ports().value_or(std::vector<PortRange>{});
    return facts;
}

Result<SocketFacts> socket_facts(std::optional<std::uint32_t> ours) {
    SocketFacts facts;
    auto routes = local_routes();
    if (!routes) return fail(routes.error());
    facts.routes = std::move(*routes);
    facts.programs = socket_lookup_programs().value_or(std::vector<std::uint32_t>{});
    facts.ours = ours;
    return facts;
}

}  // namespace xdemux
