// SPDX-License-Identifier: BSD-2-Clause
// Which local addresses stand in the one cache line, and whether the rest must be asked for.
#include <algorithm>
#include <string>
#include <vector>

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

}  // namespace
}  // namespace xdemux::test::ops_locals_plan
