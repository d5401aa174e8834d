// SPDX-License-Identifier: BSD-2-Clause
// What is to be known about this host before and while packets are dropped: plain data, and who collects it. Nothing is
// judged here (findings.h), nothing changed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/kernel/ethtool.h>
#include <xdemux/kernel/features.h>
#include <xdemux/kernel/link.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/proc_net.h>
#include <xdemux/kernel/process.h>
#include <xdemux/kernel/rewrite_rules.h>
#include <xdemux/kernel/sock_diag.h>
#include <xdemux/policy/endpoint.h>

namespace xdemux {

struct KernelFacts {
    KernelFeatures features;
    std::optional<std::uint64_t> locked_memory;  ///< bytes; none: unlimited
    std::optional<std::uint64_t> cgroup_left;    ///< bytes; none: no limit
    bool bpffs = false;
    std::optional<std::string> capabilities;  ///< what is missing, in words
};
KernelFacts kernel_facts();

struct DeviceFacts {
    Interface device;
    std::optional<std::string> driver;
    std::optional<XdpFeatures> xdp;
    std::optional<bool> large_receive_offload;
    std::optional<bool> receive_vlan_offload;
    std::optional<Channels> channels;
    std::size_t cpus = 1;
    std::vector<Interface> above;  ///< see devices_above()
    bool forwards_ipv4 = false;
    bool forwards_ipv6 = false;
    bool ours = false;   ///< the program on it is this instance's
    XdpHolder holder{};  ///< of a program that is not ours
};
/// `ours` are the ifindexes to which the instance is attached; `all` the interfaces of the namespace.
DeviceFacts device_facts(const Interface& device, std::span<const Interface> all, const std::set<std::uint32_t>& ours);

struct TrafficFacts {
    std::vector<PacketSocket> packet_sockets;
    std::vector<RawSocket> raw_sockets;
    std::unordered_map<std::uint64_t, Process> owners;  ///< of these, by inode, as far as known
    std::vector<RewriteRule> rewrites;
    std::vector<VirtualService> services;
    std::vector<HostSocket> sockets;
    std::optional<PortRange> ephemeral;
    std::vector<PortRange> reserved;       ///< that the kernel hands out to no one
    std::set<std::uint32_t> devices;       ///< ifindexes: where packets come in
    std::vector<Interface> devices_above;  ///< on top of any of these
};
/// For packets that come in at `devices`. Errors: `not_permitted`, `failed`.
Result<TrafficFacts> traffic_facts(const std::set<std::uint32_t>& devices);

struct SocketFacts {
    std::vector<LocalRoute> routes;
    std::vector<std::uint32_t> programs;  ///< ids of the namespace's sk_lookup programs, in the order they are asked
    std::optional<std::uint32_t> ours;    ///< of them, this instance's
};
/// What cannot be asked is left out. `ours`: as in SocketFacts.
Result<SocketFacts> socket_facts(std::optional<std::uint32_t> ours);

}  // namespace xdemux
