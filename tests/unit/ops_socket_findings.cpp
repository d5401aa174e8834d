// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/ops/findings.h>

namespace xdemux::test::ops_socket_findings {
namespace {

ListenerSet to_socket(const std::vector<std::string>& endpoints) {
    ListenerSet listeners;
    for (const auto& endpoint : endpoints) {
        Listener listener;
        listener.local = LocalEndpoint::parse(endpoint, Proto::tcp).value();
        listener.target = Target::parse("socket:web").value();
        EXPECT_TRUE(listeners.add(listener));
    }
    return listeners;
}

SocketFacts routes(const std::vector<std::string>& prefixes) {
    SocketFacts facts;
    for (const auto& prefix : prefixes)
        facts.routes.push_back({Prefix::parse(prefix).value()});
    return facts;
}

TEST(SocketFindings, a_prefix_is_local_by_a_route_to_all_of_it) {
    const auto listeners = to_socket({"203.0.113.0/24:80", "192.0.2.1:80", "[2001:db8::/64]:80", "*:81"});
    EXPECT_TRUE(judge_sockets(routes({"203.0.113.0/24", "192.0.2.1/32", "2001:db8::/64"}), listeners).empty());
    EXPECT_TRUE(judge_sockets(routes({"203.0.112.0/23", "192.0.2.0/24", "2001:db8::/32"}), listeners).empty());
    const auto findings = judge_sockets(routes({"203.0.113.0/25", "192.0.2.1/32"}), listeners);
    ASSERT_EQ(findings.size(), 2U);
    EXPECT_EQ(findings[0].id, "socket_prefix");
    EXPECT_EQ(findings[0].severity, Severity::warning);
    EXPECT_EQ(findings[0].object, "listener tcp 203.0.113.0/24:80");
    EXPECT_EQ(findings[0].what, "203.0.113.0/24 is not this host's by any route");
    EXPECT_EQ(findings[0].remedy, "ip route add local 203.0.113.0/24 dev lo");
    EXPECT_EQ(findings[1].remedy, "ip -6 route add local 2001:db8::/64 dev lo");
}

TEST(SocketFindings, other_targets_need_no_route) {
    ListenerSet listeners;
    Listener listener;
    listener.local = LocalEndpoint::parse("203.0.113.0/24:80", Proto::tcp).value();
    ASSERT_TRUE(listeners.add(listener));
    EXPECT_TRUE(judge_sockets({}, listeners).empty());
}

TEST(SocketFindings, other_programs_are_told_with_their_place) {
    SocketFacts facts;
    facts.programs = {7, 8, 9};
    EXPECT_TRUE(judge_sockets(facts, {}).empty()) << "ours is not there";
    facts.ours = 9;
    const auto findings = judge_sockets(facts, {});
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].id, "socket_programs");
    EXPECT_EQ(findings[0].severity, Severity::note);
    EXPECT_EQ(findings[0].what, "other sk_lookup programs are on it: id 7, 8");
    EXPECT_NE(findings[0].why.find(", 2 before this instance's;"), std::string::npos) << findings[0].why;
    facts.programs = {9};
    EXPECT_TRUE(judge_sockets(facts, {}).empty());
}

}  // namespace
}  // namespace xdemux::test::ops_socket_findings
