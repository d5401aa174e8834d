// SPDX-License-Identifier: BSD-2-Clause
// Which local addresses stand in the one cache line, whether the rest must be asked for, and which Ethernet addresses
// are this host's.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <xdemux/ops/locals.h>

namespace xdemux::test::ops_locals_plan {
namespace {

using ::testing::ElementsAre;

std::vector<LocalRoute> routes(const std::vector<std::pair<std::string, std::uint32_t>>& list) {
    std::vector<LocalRoute> out;
    for (const auto& [prefix, ifindex] : list)
        out.push_back({Prefix::parse(prefix).value(), ifindex});
    return out;
}

std::vector<std::string> hot_ipv4(const LocalTables& tables) {
    std::vector<std::string> out;
    for (const auto& each : tables.hot.ipv4)
        out.push_back(Address::ipv4({each[0], each[1], each[2], each[3]}).to_string());
    return out;
}

std::vector<std::string> hot_ipv6(const LocalTables& tables) {
    std::vector<std::string> out;
    for (const auto& each : tables.hot.ipv6) {
        Address::Bytes bytes;
        std::copy(std::begin(each), std::end(each), bytes.begin());
        out.push_back(Address::ipv6(bytes).to_string());
    }
    return out;
}

TEST(LocalsPlan, an_unused_place_is_never_zero) {
    const auto none = plan_locals({});
    EXPECT_THAT(hot_ipv4(none), ElementsAre("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"));
    EXPECT_THAT(hot_ipv6(none), ElementsAre("::1", "::1", "::1"));
    const auto list = routes({{"192.0.2.1/32", 2}, {"2001:db8::1/128", 2}});
    const auto one = plan_locals({list, {2}, false, {}});
    EXPECT_THAT(hot_ipv4(one), ElementsAre("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"));
    EXPECT_THAT(hot_ipv6(one), ElementsAre("2001:db8::1", "2001:db8::1", "2001:db8::1"));
    EXPECT_EQ(one.hot.more[0], 0);
    EXPECT_EQ(one.hot.more[1], 0);
}

TEST(LocalsPlan, attached_interfaces_come_first) {
    const auto list = routes(
        {{"192.0.2.1/32", 2}, {"192.0.2.2/32", 2}, {"192.0.2.3/32", 3}, {"192.0.2.4/32", 2}, {"192.0.2.5/32", 3}});
    const auto plan = plan_locals({list, {3}, false, {}});
    EXPECT_THAT(hot_ipv4(plan), ElementsAre("192.0.2.3", "192.0.2.5", "192.0.2.1", "192.0.2.2"));
    EXPECT_EQ(plan.hot.more[0], 1) << "192.0.2.4 has no place";
    EXPECT_EQ(plan.hot.more[1], 0);
    EXPECT_EQ(plan.routes.size(), 5U);
}

TEST(LocalsPlan, loopback_counts_only_where_it_is_attached) {
    const auto list = routes({{"127.0.0.0/8", 1}, {"127.0.0.1/32", 1}, {"::1/128", 1}, {"192.0.2.1/32", 2}});
    EXPECT_EQ(plan_locals({list, {2}, false, {}}).hot.more[0], 0);
    const auto attached = plan_locals({list, {1}, true, {}});
    EXPECT_THAT(hot_ipv4(attached), ElementsAre("127.0.0.1", "192.0.2.1", "127.0.0.1", "127.0.0.1"));
    EXPECT_EQ(attached.hot.more[0], 1) << "127.0.0.0/8 has no place";
    EXPECT_EQ(attached.hot.more[1], 0);
}

TEST(LocalsPlan, what_a_listener_names_is_local_too) {
    const auto list = routes({{"192.0.2.1/32", 2}});
    const auto address = Prefix::parse("198.51.100.1/32").value();
    const auto prefix = Prefix::parse("203.0.113.0/24").value();
    const auto same = Prefix::parse("192.0.2.1/32").value();
    const auto plan = plan_locals({list, {2}, false, {address, prefix, same}});
    EXPECT_EQ(plan.routes.at(address), contract::LOCAL_BY_LISTENER);
    EXPECT_EQ(plan.routes.at(prefix), contract::LOCAL_BY_LISTENER);
    EXPECT_EQ(plan.routes.at(same), contract::LOCAL_BY_ROUTE);
    EXPECT_THAT(hot_ipv4(plan), ElementsAre("192.0.2.1", "198.51.100.1", "192.0.2.1", "192.0.2.1"));
    EXPECT_EQ(plan.hot.more[0], 1);
}

TEST(LocalsPlan, what_a_listener_names_within_a_local_route_is_the_hosts_own) {
    const auto list = routes({{"203.0.113.0/24", 1}, {"2001:db8::/32", 1}});
    const auto within = Prefix::parse("203.0.113.64/28").value();
    const auto ipv6 = Prefix::parse("2001:db8::7/128").value();
    const auto around = Prefix::parse("203.0.112.0/20").value();
    const auto plan = plan_locals({list, {2}, false, {within, ipv6, around}});
    EXPECT_EQ(plan.routes.at(within), contract::LOCAL_BY_ROUTE);
    EXPECT_EQ(plan.routes.at(ipv6), contract::LOCAL_BY_ROUTE);
    EXPECT_EQ(plan.routes.at(around), contract::LOCAL_BY_LISTENER);
}

/// Its Ethernet address ends on `last`; 0: it has none.
Interface device(std::uint32_t ifindex, std::uint8_t last, std::uint32_t master = 0, const char* kind = "",
                 std::uint32_t lower = 0) {
    Interface out;
    out.ifindex = ifindex;
    if (last != 0) out.mac = {2, 0, 0, 0, 0, last};
    out.master = master;
    out.kind = kind;
    out.lower = lower;
    return out;
}

Interface loopback_device() {
    Interface out = device(1, 0);
    out.loopback = true;
    return out;
}

/// "2 -> 02", with a star where other devices stand on that one.
std::vector<std::string> links(const std::vector<Interface>& interfaces, std::set<std::uint32_t> attached) {
    std::vector<std::string> out;
    for (const auto& [link, source] : plan_locals({{}, std::move(attached), false, {}, interfaces}).links)
        out.push_back(fmt::format("{} -> {:02}{}", link.ifindex, link.mac[5],
                                  source == contract::LOCAL_BY_STACKED_LINK ? "*" : ""));
    return out;
}

TEST(LocalsPlan, frames_for_this_host_are_those_to_the_attached_device) {
    EXPECT_THAT(links({loopback_device(), device(2, 12), device(3, 13)}, {3}), ElementsAre("3 -> 13"));
    EXPECT_THAT(links({loopback_device(), device(2, 12), device(3, 13)}, {2, 3}), ElementsAre("2 -> 12", "3 -> 13"));
}

TEST(LocalsPlan, frames_to_a_device_above_are_for_this_host_too) {
    // A port of a bridge, on which a VLAN device stands; another port, which is not attached.
    const std::vector<Interface> bridged = {device(2, 12, 4), device(3, 13, 4), device(4, 14, 0, "bridge"),
                                            device(5, 15, 0, "vlan", 4)};
    EXPECT_THAT(links(bridged, {2}), ElementsAre("2 -> 12*", "2 -> 14*", "2 -> 15*"));
    const std::vector<Interface> stacked = {device(2, 12), device(3, 13, 0, "macvlan", 2), device(4, 0, 0, "vlan", 2)};
    EXPECT_THAT(links(stacked, {2}), ElementsAre("2 -> 12*", "2 -> 13*"));
    EXPECT_THAT(links(stacked, {3}), ElementsAre("3 -> 13"));
}

TEST(LocalsPlan, frames_come_in_at_the_ports_of_an_attached_device) {
    const std::vector<Interface> bonded = {device(2, 14, 4), device(3, 13, 4), device(4, 14, 6, "bond"),
                                           device(5, 15, 0, "vlan", 4), device(6, 16, 0, "bridge")};
    EXPECT_THAT(links(bonded, {4}), ElementsAre("2 -> 14*", "2 -> 15*", "2 -> 16*", "3 -> 13*", "3 -> 14*", "3 -> 15*",
                                                "3 -> 16*", "4 -> 14*", "4 -> 15*", "4 -> 16*"));
    EXPECT_EQ(links(bonded, {6}).size(), 11U) << "ports of a port, and the bridge itself";
}

TEST(LocalsPlan, zeros_are_an_address_of_loopback_alone) {
    EXPECT_THAT(links({loopback_device(), device(2, 12)}, {1}), ElementsAre("1 -> 00"));
    EXPECT_THAT(links({loopback_device(), device(2, 0)}, {2}), ElementsAre());
    EXPECT_THAT(links({loopback_device(), device(2, 12)}, {}), ElementsAre("1 -> 00")) << "where explain asks";
}

}  // namespace
}  // namespace xdemux::test::ops_locals_plan
