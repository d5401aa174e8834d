// SPDX-License-Identifier: BSD-2-Clause
// What facts about a host mean: who would lose packets, and what mends it.
#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <xdemux/ops/findings.h>

namespace xdemux::test::ops_findings {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t eth0 = 2;
constexpr std::uint32_t br0 = 3;

ListenerSet listeners(std::initializer_list<std::pair<const char*, const char*>> endpoints,
                      TargetKind target = TargetKind::pass) {
    ListenerSet set;
    for (const auto& [proto, endpoint] : endpoints) {
        Listener listener;
        listener.proto = parse_proto(proto).value();
        listener.local = LocalEndpoint::parse(endpoint, listener.proto).value();
        listener.target = {target};
        EXPECT_TRUE(set.add(listener));
    }
    return set;
}

TrafficFacts on_eth0() {
    TrafficFacts facts;
    facts.devices = {eth0};
    return facts;
}

HostSocket udp_socket(const char* address, std::uint16_t port, std::uint32_t bound = 0) {
    HostSocket socket;
    socket.proto = Proto::udp;
    socket.state = HostSocketState::unconnected;
    socket.local = Address::parse(address).value();
    socket.remote = Address::any(socket.local.family());
    socket.local_port = port;
    socket.ifindex = bound;
    return socket;
}

HostSocket tcp_listener(const char* address, std::uint16_t port, std::uint32_t bound = 0) {
    HostSocket socket = udp_socket(address, port, bound);
    socket.proto = Proto::tcp;
    socket.state = HostSocketState::listen;
    return socket;
}

/// "blocker dhcp_client", one a line.
std::string told(const std::vector<Finding>& findings) {
    std::string text;
    for (const auto& finding : findings)
        text += fmt::format("{} {}\n", severity_name(finding.severity), finding.id);
    return text;
}

std::string told(const TrafficFacts& facts, const ListenerSet& set = {}, bool host = true) {
    return told(judge_traffic(facts, {set, host}));
}

TEST(Findings, a_host_without_unseen_receivers_is_well) {
    EXPECT_EQ(told(on_eth0()), "ok unseen_receivers\n");
}

TEST(Findings, a_dhcp_client_on_a_packet_socket_blocks_and_is_named_with_its_remedy) {
    auto facts = on_eth0();
    facts.packet_sockets = {{0x0800, eth0, 77}};
    facts.owners[77] = {812, "dhclient"};
    const auto findings = judge_traffic(facts, {ListenerSet{}, true});
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].severity, Severity::blocker);
    EXPECT_EQ(findings[0].id, "dhcp_client");
    EXPECT_EQ(findings[0].object, "udp *:68");
    EXPECT_EQ(findings[0].what, "dhclient (812) waits for DHCP");
    EXPECT_EQ(findings[0].remedy, "xdemux listener add udp '*:68'");
    EXPECT_TRUE(findings[0].cuts_off);
}

TEST(Findings, a_listener_that_passes_dhcp_mends_it_and_no_other_does) {
    auto facts = on_eth0();
    facts.packet_sockets = {{0x0800, 0, 77}};
    EXPECT_EQ(told(facts, listeners({{"udp", "*:68"}})), "ok dhcp_client\n");
    EXPECT_EQ(told(facts, listeners({{"udp", "0.0.0.0:60-70"}})), "ok dhcp_client\n");
    EXPECT_EQ(told(facts, listeners({{"udp", "*:*"}})), "ok dhcp_client\n");
    EXPECT_EQ(told(facts, listeners({{"tcp", "*:68"}})), "blocker dhcp_client\n");
    EXPECT_EQ(told(facts, listeners({{"udp", "192.0.2.1:68"}})), "blocker dhcp_client\n");
    EXPECT_EQ(told(facts, listeners({{"udp", "*:68"}}, TargetKind::drop)), "blocker dhcp_client\n");
}

TEST(Findings, a_socket_in_sight_mends_it_only_where_the_host_is_asked) {
    auto facts = on_eth0();
    facts.packet_sockets = {{0x0800, eth0, 77}};
    facts.sockets = {udp_socket("0.0.0.0", 68)};
    EXPECT_EQ(told(facts), "ok dhcp_client\n");
    EXPECT_EQ(told(facts, {}, false), "blocker dhcp_client\n");
    facts.sockets = {udp_socket("192.0.2.1", 68)};
    EXPECT_EQ(told(facts), "blocker dhcp_client\n") << "the address may change with the lease";
    facts.sockets = {udp_socket("0.0.0.0", 68, 9)};
    EXPECT_EQ(told(facts), "blocker dhcp_client\n") << "bound to another device";
}

TEST(Findings, a_packet_socket_of_another_device_or_for_other_protocols_is_no_dhcp_client) {
    auto facts = on_eth0();
    facts.packet_sockets = {{0x0800, 9, 77}, {0x0806, eth0, 78}, {0, eth0, 79}, {0x88cc, eth0, 80}};
    EXPECT_EQ(told(facts), "ok unseen_receivers\n");
}

TEST(Findings, a_packet_socket_on_a_bridge_above_counts) {
    auto facts = on_eth0();
    facts.devices_above.resize(1);
    facts.devices_above[0].ifindex = br0;
    facts.packet_sockets = {{0x0800, br0, 77}};
    EXPECT_EQ(told(facts), "blocker dhcp_client\n");
}

TEST(Findings, a_capture_is_noted_unless_a_dhcp_client_makes_it) {
    auto facts = on_eth0();
    facts.packet_sockets = {{0x0003, 0, 77}};
    EXPECT_EQ(told(facts), "blocker dhcp_client\n") << "whose it is is not known";
    facts.owners[77] = {811, "tcpdump"};
    EXPECT_EQ(told(facts), "note packet_capture\n");
    facts.owners[77] = {812, "dhcpcd"};
    EXPECT_EQ(told(facts), "blocker dhcp_client\n");
}

TEST(Findings, dhcpv6_needs_its_own_port) {
    auto facts = on_eth0();
    facts.packet_sockets = {{0x86dd, eth0, 77}};
    EXPECT_EQ(told(facts), "blocker dhcpv6_client\n");
    EXPECT_EQ(told(facts, listeners({{"udp", "*:546"}})), "ok dhcpv6_client\n");
    EXPECT_EQ(told(facts, listeners({{"udp", "0.0.0.0:546"}})), "blocker dhcpv6_client\n") << "IPv4 alone";
}

TEST(Findings, raw_sockets_matter_for_tcp_and_udp_alone) {
    auto facts = on_eth0();
    facts.raw_sockets = {{Family::ipv4, 1, 5}, {Family::ipv4, 255, 6}, {Family::ipv6, 58, 7}};
    EXPECT_EQ(told(facts), "ok unseen_receivers\n");
    facts.raw_sockets.push_back({Family::ipv4, 17, 8});
    const auto findings = judge_traffic(facts, {ListenerSet{}, true});
    ASSERT_EQ(told(findings), "blocker raw_socket\n");
    EXPECT_EQ(findings[0].remedy, "xdemux listener add udp '*:*'");
    EXPECT_EQ(told(facts, listeners({{"udp", "0.0.0.0:*"}})), "ok raw_socket\n");
}

TEST(Findings, a_published_port_needs_a_listener_or_a_proxy_in_sight) {
    auto facts = on_eth0();
    facts.rewrites = {{RewriteKind::destination, Family::ipv4, Proto::tcp, PortRange::one(8080), "nft ip nat DOCKER"}};
    const auto findings = judge_traffic(facts, {ListenerSet{}, true});
    ASSERT_EQ(told(findings), "blocker dnat\n");
    EXPECT_EQ(findings[0].object, "tcp *:8080");
    EXPECT_THAT(findings[0].what, HasSubstr("nft ip nat DOCKER"));
    EXPECT_EQ(findings[0].remedy, "xdemux listener add tcp '*:8080'");
    EXPECT_EQ(told(facts, listeners({{"tcp", "*:8080"}})), "ok dnat\n");
    facts.sockets = {tcp_listener("0.0.0.0", 8080)};
    EXPECT_EQ(told(facts), "ok dnat\n");
}

TEST(Findings, a_rule_that_tells_no_port_means_all_of_them) {
    auto facts = on_eth0();
    facts.rewrites = {{RewriteKind::destination, {}, {}, {}, "nft inet nat prerouting"}};
    const auto findings = judge_traffic(facts, {ListenerSet{}, true});
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].object, "tcp and udp *:*");
    EXPECT_EQ(findings[0].remedy, "xdemux listener add tcp '*:*' && xdemux listener add udp '*:*'");
    EXPECT_EQ(told(facts, listeners({{"tcp", "*:*"}})), "blocker dnat\n") << "udp is still closed";
    EXPECT_EQ(told(facts, listeners({{"tcp", "*:*"}, {"udp", "*:*"}})), "ok dnat\n");
}

TEST(Findings, masquerading_needs_the_ports_of_answers) {
    auto facts = on_eth0();
    facts.rewrites = {{RewriteKind::source, Family::ipv4, {}, {}, "iptables nat"}};
    EXPECT_EQ(told(facts), "blocker snat\n");
    EXPECT_EQ(told(facts, listeners({{"tcp", "*:1024-65535"}, {"udp", "*:1024-65535"}})), "ok snat\n");
    EXPECT_EQ(told(facts, listeners({{"tcp", "*:1024-65535"}, {"udp", "*:1025-65535"}})), "blocker snat\n");
    EXPECT_EQ(
        told(facts,
             listeners(
                 {{"tcp", "*:1024-40000"}, {"tcp", "*:40001-65535"}, {"udp", "*:1-65534"}, {"udp", "0.0.0.0:65535"}})),
        "ok snat\n")
        << "several listeners together";
}

TEST(Findings, many_rules_for_one_port_are_told_once) {
    auto facts = on_eth0();
    for (int i = 0; i < 3; ++i)
        facts.rewrites.push_back({RewriteKind::transparent, {}, Proto::tcp, PortRange::one(80), "iptables mangle"});
    EXPECT_EQ(told(facts), "blocker tproxy\n");
}

TEST(Findings, balanced_services_are_named) {
    auto facts = on_eth0();
    facts.services = {{Proto::tcp, SocketAddress::parse("192.0.2.10:80", Proto::tcp).value()}, {}};
    const auto findings = judge_traffic(facts, {listeners({{"tcp", "*:80"}}), true});
    EXPECT_EQ(told(findings), "ok ipvs\nblocker ipvs\n");
    EXPECT_EQ(findings[1].object, "tcp and udp *:*") << "a firewall mark may mean any packet";
}

TEST(Findings, a_socket_bound_to_a_bridge_is_not_seen_from_its_port) {
    auto facts = on_eth0();
    facts.sockets = {tcp_listener("0.0.0.0", 80, br0), tcp_listener("0.0.0.0", 81, eth0)};
    EXPECT_EQ(told(facts), "ok unseen_receivers\n") << "br0 is not above eth0";
    facts.devices_above.resize(1);
    facts.devices_above[0].ifindex = br0;
    facts.devices_above[0].name = "br0";
    const auto findings = judge_traffic(facts, {ListenerSet{}, true});
    ASSERT_EQ(told(findings), "blocker socket_above\n");
    EXPECT_EQ(findings[0].what, "a socket on 0.0.0.0:80 is bound to br0");
    EXPECT_EQ(findings[0].remedy, "xdemux listener add tcp '*:80'");
}

TEST(Findings, listeners_in_the_ephemeral_range_keep_what_is_reserved_already) {
    auto facts = on_eth0();
    facts.ephemeral = PortRange{32768, 60999};
    facts.reserved = {{40000, 40009}, PortRange::one(50000)};
    facts.sockets = {tcp_listener("0.0.0.0", 80), tcp_listener("0.0.0.0", 40005), tcp_listener("::", 50001)};
    const auto findings = judge_ephemeral(facts, listeners({{"tcp", "*:33000"}, {"tcp", "0.0.0.0:20000-61000"}}));
    ASSERT_EQ(told(findings), "warning listener_in_ephemeral_range\n");
    EXPECT_EQ(findings[0].what, "listeners in the ephemeral range: 33000,50001");
    EXPECT_EQ(findings[0].remedy, "sysctl -w net.ipv4.ip_local_reserved_ports=33000,40000-40009,50000-50001");
    EXPECT_EQ(told(judge_ephemeral(on_eth0(), {})), "") << "no range is known";
    facts.sockets = {tcp_listener("0.0.0.0", 50000)};
    EXPECT_EQ(told(judge_ephemeral(facts, {})), "ok listener_in_ephemeral_range\n");
}

KernelFacts good_kernel() {
    KernelFacts facts;
    facts.features = {"6.1.0-28-amd64", 6, 1, true, true, true, true, std::vector<std::string>{}};
    facts.bpffs = true;
    return facts;
}

std::vector<Finding> not_ok(std::vector<Finding> findings) {
    std::erase_if(findings, [](const Finding& finding) { return finding.severity == Severity::ok; });
    return findings;
}

TEST(Findings, a_kernel_with_everything_is_well) {
    EXPECT_EQ(told(not_ok(judge_kernel(good_kernel()))), "");
}

TEST(Findings, what_a_kernel_lacks_is_named) {
    auto facts = good_kernel();
    facts.features = {"5.15.0", 5, 15, false, false, false, false, std::vector<std::string>{"bpf_xdp_get_buff_len"}};
    facts.bpffs = false;
    facts.capabilities = "not permitted: CAP_BPF missing";
    facts.cgroup_left = 1000;
    const auto findings = not_ok(judge_kernel(facts));
    EXPECT_EQ(
        told(findings),
        "blocker kernel_version\nblocker bpf_link\nblocker xdp_frags\nblocker bpf_helpers\nnote btf\nwarning jit\n"
        "blocker bpffs\nblocker capabilities\nwarning memory_limit\n");
    EXPECT_THAT(findings[3].what, HasSubstr("bpf_xdp_get_buff_len"));
    EXPECT_EQ(findings[6].remedy, "mount -t bpf bpf /sys/fs/bpf");
}

TEST(Findings, locked_memory_matters_before_linux_5_11_alone) {
    auto facts = good_kernel();
    facts.locked_memory = 65'536;
    EXPECT_EQ(told(not_ok(judge_kernel(facts))), "");
    facts.features.major = 5;
    facts.features.minor = 10;
    EXPECT_THAT(told(judge_kernel(facts)), HasSubstr("blocker memory_limit"));
}

TEST(Findings, what_may_not_be_asked_is_a_note) {
    auto facts = good_kernel();
    facts.features.frags = facts.features.compiled = facts.features.xdp_link = std::nullopt;
    facts.features.missing_helpers = std::nullopt;
    EXPECT_EQ(told(not_ok(judge_kernel(facts))), "note bpf_link\nnote xdp_frags\nnote bpf_helpers\nnote jit\n");
}

DeviceFacts good_device() {
    DeviceFacts facts;
    facts.device.ifindex = eth0;
    facts.device.name = "eth0";
    facts.device.mtu = 1500;
    facts.device.up = true;
    facts.driver = "virtio_net";
    facts.xdp = XdpFeatures{true, true};
    facts.channels = Channels{0, 0, 4};
    facts.cpus = 4;
    return facts;
}

TEST(Findings, a_device_with_everything_is_well) {
    EXPECT_EQ(told(not_ok(judge_device(good_device()))), "");
}

TEST(Findings, a_device_without_an_ethernet_header_is_blocked_and_says_why) {
    auto facts = good_device();
    facts.device.link_type = ARPHRD_NONE;
    const auto findings = not_ok(judge_device(facts));
    ASSERT_EQ(told(findings), "blocker link_type\n");
    EXPECT_EQ(findings[0].object, "eth0");
    EXPECT_EQ(findings[0].what, "its frames have no Ethernet header (link type none)");
    EXPECT_THAT(findings[0].why, HasSubstr("attach refuses it"));
    facts.device.link_type = ARPHRD_LOOPBACK;
    EXPECT_EQ(told(not_ok(judge_device(facts))), "");
}

TEST(Findings, what_stands_in_the_way_of_native_mode_has_its_command) {
    auto facts = good_device();
    facts.xdp = XdpFeatures{false, false};
    facts.device.mtu = 9000;
    facts.large_receive_offload = true;
    facts.receive_vlan_offload = true;
    facts.device.has_vlan_above = true;
    facts.cpus = 8;
    const auto findings = not_ok(judge_device(facts));
    ASSERT_EQ(told(findings),
              "warning driver_mode\nnote mtu\nwarning lro\nwarning receive_vlan_offload\nnote queues\n");
    EXPECT_EQ(findings[0].remedy, "xdemux attach eth0 --mode generic");
    EXPECT_EQ(findings[1].remedy, "ip link set dev eth0 mtu 3498");
    EXPECT_EQ(findings[2].remedy, "ethtool -K eth0 lro off");
    EXPECT_EQ(findings[3].remedy, "ethtool -K eth0 rxvlan off");
    EXPECT_EQ(findings[4].remedy, "ethtool -L eth0 combined 8");
}

TEST(Findings, a_frame_of_more_than_a_page_needs_fragments) {
    auto facts = good_device();
    facts.device.mtu = 3498;
    facts.xdp = XdpFeatures{true, false};
    EXPECT_EQ(told(not_ok(judge_device(facts))), "");
    facts.device.mtu = 3499;
    EXPECT_EQ(told(not_ok(judge_device(facts))), "warning mtu\n");
    facts.xdp->frames = true;
    EXPECT_EQ(told(not_ok(judge_device(facts))), "");
}

TEST(Findings, another_program_blocks_and_ours_does_not) {
    auto facts = good_device();
    facts.device.xdp_prog_id = 42;
    facts.holder.program = "other";
    EXPECT_EQ(not_ok(judge_device(facts)).at(0).remedy, "ip link set dev eth0 xdp off");
    facts.holder.link = 7;
    const auto findings = not_ok(judge_device(facts));
    ASSERT_EQ(told(findings), "blocker xdp_program\n");
    EXPECT_EQ(findings[0].what, "another XDP program is on it (id 42, \"other\")");
    EXPECT_EQ(findings[0].remedy, "bpftool link detach id 7");
    EXPECT_FALSE(findings[0].cuts_off);
    facts.holder.program = "xdp_dispatcher";
    EXPECT_EQ(not_ok(judge_device(facts)).at(0).remedy, "xdp-loader unload eth0 --all")
        << "libxdp keeps pins of its own";
    facts.holder = {"xdemux", 7, "edge"};
    EXPECT_EQ(not_ok(judge_device(facts)).at(0).remedy, "xdemux --instance edge detach eth0");
    facts.ours = true;
    EXPECT_EQ(told(not_ok(judge_device(facts))), "");
}

TEST(Findings, topology_is_noted) {
    auto facts = good_device();
    facts.device.up = false;
    facts.above.resize(1);
    facts.above[0].name = "br0";
    facts.above[0].kind = "bridge";
    facts.forwards_ipv6 = true;
    const auto findings = not_ok(judge_device(facts));
    ASSERT_EQ(told(findings), "note link_down\nnote device_above\nnote forwarding\n");
    EXPECT_EQ(findings[1].what, "bridge br0 sits above");
    EXPECT_EQ(findings[2].what, "it forwards IPv6");
}

}  // namespace
}  // namespace xdemux::test::ops_findings
