// SPDX-License-Identifier: BSD-2-Clause
// Why one listener comes before another, and whose packets a wildcard hears.
#include <gmock/gmock.h>

#include <xdemux/policy/decide.h>

namespace xdemux::test::policy_decide {
namespace {

using ::testing::HasSubstr;

Listener make(const char* endpoint, bool v6only = false) {
    Listener listener;
    listener.local = LocalEndpoint::parse(endpoint, Proto::tcp).value();
    listener.v6only = v6only;
    return listener;
}

Listener bound(Listener listener) {
    listener.device = Device{3, "eth0"};
    return listener;
}

TEST(WhyFirst, names_the_step_at_which_the_two_part) {
    const Listener exact = make("192.0.2.1:80"), prefix = make("192.0.2.0/24:80"), wildcard = make("*:80");
    EXPECT_EQ(why_first(exact, wildcard), "is more specific (exact address before wildcard)");
    EXPECT_EQ(why_first(exact, prefix), "is more specific (exact address before prefix)");
    EXPECT_EQ(why_first(prefix, wildcard), "is more specific (prefix before wildcard)");
    EXPECT_THAT(why_first(prefix, make("192.0.0.0/16:80")), HasSubstr("longest prefix"));
    EXPECT_THAT(why_first(wildcard, make("192.0.2.1:*")), HasSubstr("a port before all ports"));
    EXPECT_THAT(why_first(make("0.0.0.0:80"), wildcard), HasSubstr("one family before dual-stack"));
    EXPECT_THAT(why_first(make("[::]:80", true), bound(wildcard)), HasSubstr("one family before dual-stack"));
    EXPECT_THAT(why_first(bound(wildcard), wildcard), HasSubstr("bound before unbound"));
    EXPECT_THAT(why_first(wildcard, wildcard), HasSubstr("the first of a group"));
}

TEST(Hearers, a_wildcard_hears_no_other_hosts_packets) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("*:80")));
    ASSERT_TRUE(set.add(make("203.0.113.0/24:80")));
    PacketFacts facts{Proto::tcp, Address::parse("203.0.113.7").value(), 80, 0, true};
    EXPECT_EQ(hearers(set, facts).size(), 2U);
    facts.local = false;
    EXPECT_EQ(hearers(set, facts).size(), 1U);
    EXPECT_EQ(decide(set, facts), (Decision{2, ListenerStep::listener_prefix}));
    facts.destination = Address::parse("198.51.100.1").value();
    EXPECT_EQ(decide(set, facts), Decision{});
}

}  // namespace
}  // namespace xdemux::test::policy_decide
