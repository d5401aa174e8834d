// SPDX-License-Identifier: BSD-2-Clause
// Interfaces and local routes as the kernel reports them.
#include <fstream>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/netns.h>

#include "support/netns_fixture.h"

namespace xdemux::test::kernel_netlink_test {
namespace {

using ::testing::Contains;
using ::testing::Not;

class KernelNetlink : public NetnsTest {
  protected:
    static Interface near() { return interface_by_name(near_device).value(); }
};

LocalRoute route(const char* prefix, std::uint32_t ifindex) {
    return {Prefix::parse(prefix).value(), ifindex};
}

Interface link(std::uint32_t ifindex, const char* kind, std::uint32_t lower = 0, std::uint32_t master = 0) {
    Interface interface;
    interface.ifindex = ifindex;
    interface.kind = kind;
    interface.lower = lower;
    interface.master = master;
    return interface;
}

TEST_F(KernelNetlink, an_interface_by_name_has_its_properties) {
    run("ip link set xd0 mtu 3000 address 02:00:00:00:00:2a");
    const auto found = interface_by_name("xd0");
    run("ip link set xd0 mtu 1500");
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->name, "xd0");
    EXPECT_EQ(found->mtu, 3000U);
    EXPECT_EQ(found->mac, (std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 0x2a}));
    EXPECT_TRUE(found->up);
    EXPECT_FALSE(found->loopback);
    EXPECT_EQ(found->kind, "veth");
    EXPECT_EQ(found->master, 0U);
    EXPECT_EQ(found->xdp, XdpAttachment::none);
    EXPECT_FALSE(found->has_vlan_above);
    EXPECT_EQ(found->lower, 0U) << "the other end is in another namespace";
}

TEST_F(KernelNetlink, an_interface_by_index_is_the_one_by_name) {
    const auto found = interface_by_index(near().ifindex);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->name, near_device);
}

TEST_F(KernelNetlink, an_alternative_name_finds_the_interface) {
    run("ip link property add dev xd0 altname a-rather-long-alternative-name");
    const auto found = interface_by_name("a-rather-long-alternative-name");
    run("ip link property del dev xd0 altname a-rather-long-alternative-name");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->name, "xd0");
}

TEST_F(KernelNetlink, an_unknown_interface_is_not_found) {
    const auto by_name = interface_by_name("foo");
    ASSERT_FALSE(by_name);
    EXPECT_EQ(by_name.error().kind(), ErrorKind::not_found);
    EXPECT_EQ(by_name.error().message(), "no interface \"foo\"; see ip link");
    const auto by_index = interface_by_index(4711);
    ASSERT_FALSE(by_index);
    EXPECT_EQ(by_index.error().kind(), ErrorKind::not_found);
    EXPECT_EQ(by_index.error().message(), "no interface with index 4711; see ip link");
    EXPECT_FALSE(interface_by_name(""));
}

TEST_F(KernelNetlink, loopback_is_told_apart) {
    const auto found = interface_by_name("lo");
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->loopback);
}

TEST_F(KernelNetlink, an_interface_that_is_down_says_so) {
    run("ip link add xd8 type veth peer name xd9");
    const auto found = interface_by_name("xd8");
    const auto other = interface_by_name("xd9");
    run("ip link del xd8");
    ASSERT_TRUE(found && other);
    EXPECT_FALSE(found->up);
    EXPECT_EQ(found->lower, other->ifindex);
}

TEST_F(KernelNetlink, an_attached_program_is_reported_with_its_mode_and_id) {
    const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS},
                             {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    const Fd program(bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass, std::size(pass), nullptr));
    ASSERT_TRUE(program.valid());
    bpf_prog_info info{};
    __u32 size = sizeof info;
    ASSERT_EQ(bpf_obj_get_info_by_fd(program.get(), &info, &size), 0);

    const int ifindex = static_cast<int>(near().ifindex);
    for (const auto& [flags, mode] : {std::pair(XDP_FLAGS_SKB_MODE, XdpAttachment::generic),
                                      std::pair(XDP_FLAGS_DRV_MODE, XdpAttachment::native)}) {
        ASSERT_EQ(bpf_xdp_attach(ifindex, program.get(), flags, nullptr), 0);
        const Interface attached = near();
        ASSERT_EQ(bpf_xdp_detach(ifindex, flags, nullptr), 0);
        EXPECT_EQ(attached.xdp, mode);
        EXPECT_EQ(attached.xdp_prog_id, info.id);
    }
    EXPECT_EQ(near().xdp, XdpAttachment::none);
    EXPECT_EQ(near().xdp_prog_id, 0U);
}

TEST(MarkVlanDevices, a_vlan_device_marks_the_one_below_alone) {
    std::vector<Interface> all = {link(2, ""), link(3, ""), link(4, "vlan", 2)};
    mark_vlan_devices(all);
    EXPECT_TRUE(all[0].has_vlan_above);
    EXPECT_FALSE(all[1].has_vlan_above);
    EXPECT_FALSE(all[2].has_vlan_above);
}

TEST(MarkVlanDevices, a_vlan_on_a_bond_marks_the_ports_of_the_bond) {
    std::vector<Interface> all = {link(2, "", 0, 5), link(3, ""), link(4, "vlan", 5), link(5, "bond")};
    mark_vlan_devices(all);
    EXPECT_TRUE(all[0].has_vlan_above);
    EXPECT_FALSE(all[1].has_vlan_above);
    EXPECT_TRUE(all[3].has_vlan_above);
}

TEST(MarkVlanDevices, other_devices_above_do_not_count) {
    std::vector<Interface> all = {link(2, ""), link(3, "macvlan", 2), link(4, "vlan", 0)};
    mark_vlan_devices(all);
    EXPECT_FALSE(all[0].has_vlan_above);
}

TEST_F(KernelNetlink, local_routes_hold_the_addresses_of_both_families) {
    const auto routes = local_routes();
    ASSERT_TRUE(routes) << routes.error().message();
    EXPECT_THAT(*routes, Contains(route("192.0.2.1/32", near().ifindex)));
    EXPECT_THAT(*routes, Contains(route("2001:db8::1/128", near().ifindex)));
    EXPECT_THAT(*routes, Contains(route("127.0.0.0/8", 1)));
    EXPECT_THAT(*routes, Contains(route("::1/128", 1)));
}

/// Local routes of both families in table 100, under `rule` (ip-rule(8)); empty: under none.
Result<std::vector<LocalRoute>> local_routes_under(const std::string& rule) {
    for (const char* family : {"-4", "-6"}) {
        run(fmt::format("ip {} route add local {} dev lo table 100", family,
                        family == std::string("-4") ? "198.51.100.0/24" : "2001:db8:1::/48"));
        if (!rule.empty()) run(fmt::format("ip {} rule add {}", family, rule));
    }
    auto routes = local_routes();
    for (const char* family : {"-4", "-6"}) {
        if (!rule.empty()) run(fmt::format("ip {} rule del {}", family, rule));
        run(fmt::format("ip {} route flush table 100", family));
    }
    return routes;
}

TEST_F(KernelNetlink, local_routes_hold_those_of_a_table_that_a_rule_without_conditions_names) {
    for (const char* rule : {"lookup 100", "from all lookup 100 priority 5 protocol 99"}) {
        const auto routes = local_routes_under(rule);
        ASSERT_TRUE(routes) << routes.error().message();
        EXPECT_THAT(*routes, Contains(route("198.51.100.0/24", 1))) << rule;
        EXPECT_THAT(*routes, Contains(route("2001:db8:1::/48", 1))) << rule;
    }
}

// "ip rule add fwmark 1 lookup 100; ip route add local 0.0.0.0/0 dev lo table 100" is how TPROXY is set up.
TEST_F(KernelNetlink, local_routes_hold_none_of_a_table_that_is_not_asked_about_every_packet) {
    for (const char* rule :
         {"", "fwmark 1 lookup 100", "fwmark 0/1 lookup 100", "iif xd0 lookup 100", "oif xd0 lookup 100",
          "not from all lookup 100", "ipproto tcp lookup 100", "dport 80 lookup 100", "tos 4 lookup 100",
          "uidrange 0-0 lookup 100", "lookup 100 suppress_prefixlength 0", "lookup 100 priority 40000"}) {
        const auto routes = local_routes_under(rule);
        ASSERT_TRUE(routes) << routes.error().message();
        EXPECT_THAT(*routes, Not(Contains(route("198.51.100.0/24", 1)))) << rule;
        EXPECT_THAT(*routes, Not(Contains(route("2001:db8:1::/48", 1)))) << rule;
        EXPECT_THAT(*routes, Contains(route("192.0.2.1/32", near().ifindex)));
    }
}

TEST_F(KernelNetlink, local_routes_hold_none_of_a_table_behind_one_that_ends_the_search) {
    run("ip route add local 198.51.100.0/24 dev lo table 100 && ip rule add lookup 100 priority 20 && "
        "ip rule add unreachable priority 10");
    const auto routes = local_routes();
    run("ip rule del priority 10; ip rule del priority 20; ip route flush table 100");
    ASSERT_TRUE(routes);
    EXPECT_THAT(*routes, Not(Contains(route("198.51.100.0/24", 1))));
}

TEST_F(KernelNetlink, a_device_says_what_its_frames_begin_with) {
    EXPECT_EQ(near().link_type, ARPHRD_ETHER);
    EXPECT_TRUE(has_ethernet_header(near()));
    const Interface loopback = interface_by_name("lo").value();
    EXPECT_EQ(loopback.link_type, ARPHRD_LOOPBACK);
    EXPECT_TRUE(has_ethernet_header(loopback));
    EXPECT_EQ(loopback.mac, MacAddress{});
    for (const auto& [mode, type] : {std::pair("tun", ARPHRD_NONE), std::pair("tap", ARPHRD_ETHER)}) {
        run(fmt::format("ip tuntap add mode {} name xdt0", mode));
        const auto tunnel = interface_by_name("xdt0");
        run(fmt::format("ip tuntap del mode {} name xdt0", mode));
        ASSERT_TRUE(tunnel);
        EXPECT_EQ(tunnel->link_type, type);
        EXPECT_EQ(has_ethernet_header(*tunnel), type == ARPHRD_ETHER);
    }
    EXPECT_EQ(link_type_name(ARPHRD_NONE), "none");
    EXPECT_EQ(link_type_name(12345), "12345");
}

TEST_F(KernelNetlink, local_routes_hold_nothing_that_is_not_local) {
    run("ip route add 203.0.113.0/24 via 192.0.2.2");
    const auto routes = local_routes();
    run("ip route del 203.0.113.0/24");
    ASSERT_TRUE(routes);
    EXPECT_THAT(*routes, Not(Contains(route("203.0.113.0/24", near().ifindex))));
    EXPECT_THAT(*routes, Not(Contains(route("192.0.2.0/24", near().ifindex)))) << "the subnet is not ours";
    EXPECT_THAT(*routes, Not(Contains(route("192.0.2.255/32", near().ifindex)))) << "a broadcast address";
}

TEST_F(KernelNetlink, local_routes_of_another_namespace_are_its_own) {
    const auto scope = NetnsScope::enter(peer());
    ASSERT_TRUE(scope);
    const auto routes = local_routes();
    ASSERT_TRUE(routes);
    const std::uint32_t far = interface_by_name(far_device).value().ifindex;
    EXPECT_THAT(*routes, Contains(route("192.0.2.2/32", far)));
    EXPECT_THAT(*routes, Not(Contains(route("192.0.2.1/32", far))));
}

TEST_F(KernelNetlink, twenty_thousand_local_routes_are_all_read_once) {
    constexpr std::size_t count = 20'000;
    const std::string batch = fmt::format("/tmp/xdemux-routes-{}", ::getpid());
    {
        std::ofstream file(batch);
        for (std::size_t i = 0; i < count; ++i)
            file << fmt::format("route add local 10.{}.{}.{} dev lo table 200\n", i >> 16, (i >> 8) & 0xff, i & 0xff);
    }
    run(fmt::format("ip -batch {}; status=$?; rm -f {}; exit $status", batch, batch));
    run("ip rule add lookup 200");
    const auto routes = local_routes();
    run("ip rule del lookup 200; ip route flush table 200");
    ASSERT_TRUE(routes);
    const Prefix ten = Prefix::parse("10.0.0.0/8").value();
    std::vector<Prefix> found;
    for (const LocalRoute& each : *routes)
        if (ten.contains(each.prefix)) found.push_back(each.prefix);
    std::ranges::sort(found);
    EXPECT_EQ(found.size(), count);
    EXPECT_EQ(std::ranges::adjacent_find(found), found.end()) << "a route was read twice";
}

}  // namespace
}  // namespace xdemux::test::kernel_netlink_test
