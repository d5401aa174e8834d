// SPDX-License-Identifier: BSD-2-Clause
// Listeners with a guard: how they stand beside others, and what the tables and the reference say of them.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <xdemux/policy/decide.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/listener_tables.h>

namespace xdemux::test::policy_guarded_listeners {
namespace {

Listener make(const std::string& endpoint) {
    Listener listener;
    listener.local = LocalEndpoint::parse(endpoint, Proto::tcp).value();
    return listener;
}

PacketFacts packet(const std::string& destination) {
    const auto at = SocketAddress::parse(destination, Proto::tcp).value();
    return {Proto::tcp, at.address, at.port, 7};
}

/// Of the first slot, by family.
std::pair<bool, bool> guarded_wildcards(const ListenerSet& listeners) {
    const ListenerTables view = compile(listeners);
    const Slot& slot = view.slots.at(0).value;
    for (const std::size_t family : {0U, 1U})
        EXPECT_EQ(slot.wildcard[family].guarded, (slot.hints[family] & hint_wildcard_guarded) != 0);
    return {slot.wildcard[0].guarded, slot.wildcard[1].guarded};
}

TEST(GuardedListeners, TellsWhomTheWinnerDoesNotAdmit) {
    ListenerSet set;
    Listener guarded = make("*:22");
    guarded.guard.sources.push_back(Prefix::parse("10.0.0.0/8").value());
    ASSERT_TRUE(set.add(guarded));
    ASSERT_TRUE(set.add(make("192.0.2.1:22")));
    const auto denied = [&](const std::string& destination, std::optional<std::string> source) {
        PacketFacts facts = packet(destination);
        if (source) facts.source = Address::parse(*source).value();
        return decide(set, facts).source_denied;
    };
    EXPECT_FALSE(denied("192.0.2.2:22", "10.1.2.3"));
    EXPECT_TRUE(denied("192.0.2.2:22", "11.0.0.0"));
    EXPECT_TRUE(denied("[2001:db8::1]:22", "2001:db8::9")) << "IPv4 prefixes alone admit no IPv6 source";
    EXPECT_FALSE(denied("192.0.2.2:22", std::nullopt)) << "nothing is known of the source";
    EXPECT_FALSE(denied("192.0.2.1:22", "11.0.0.0")) << "another listener wins, which has no guard";
    EXPECT_FALSE(denied("192.0.2.2:23", "11.0.0.0")) << "nobody listens";
}

TEST(GuardedListeners, SayWhichAnswersAreGuarded) {
    ListenerSet set;
    Listener dual = make("*:22");
    dual.guard.rate = Rate{10, 10};
    ASSERT_TRUE(set.add(dual));
    Listener exact = make("192.0.2.1:22");
    exact.guard = dual.guard;
    ASSERT_TRUE(set.add(exact));
    ASSERT_TRUE(set.add(make("192.0.2.0/24:22")));
    const ListenerTables tables = compile(set);
    EXPECT_TRUE(tables.exact.at(0).value.guarded);
    EXPECT_FALSE(tables.prefixes.at(0).value.guarded);
    EXPECT_EQ(guarded_wildcards(set), std::pair(true, true));
    // It takes IPv4 from the dual-stack one, whichever was there first, and has no guard.
    ASSERT_TRUE(set.add(make("0.0.0.0:22")));
    EXPECT_EQ(guarded_wildcards(set), std::pair(false, true));
}

TEST(GuardedListeners, LeaveTheirFamilyToAListenerOfItThatWasThereBefore) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("0.0.0.0:22")));
    Listener dual = make("*:22");
    dual.guard.rate = Rate{10, 10};
    ASSERT_TRUE(set.add(dual));
    EXPECT_EQ(guarded_wildcards(set), std::pair(false, true));
}

TEST(GuardedListeners, AGuardMakesNoTwoListenersDistinct) {
    ListenerSet set;
    Listener guarded = make("*:22");
    guarded.guard.sources.push_back(Prefix::parse("10.0.0.0/8").value());
    ASSERT_TRUE(set.add(guarded));
    guarded.guard.sources.push_back(Prefix::parse("192.0.2.0/24").value());
    EXPECT_FALSE(set.add(guarded));
    EXPECT_FALSE(set.add(make("*:22")));
    ASSERT_EQ(set.replace(guarded), 1U);
    EXPECT_EQ(set.find(1)->guard, guarded.guard);
}

}  // namespace
}  // namespace xdemux::test::policy_guarded_listeners
