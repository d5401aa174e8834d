// SPDX-License-Identifier: BSD-2-Clause
// Listeners that share an endpoint: who may, and who is found to.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <xdemux/policy/shared_endpoints.h>

namespace xdemux::test::policy_shared_endpoints {
namespace {

using ::testing::HasSubstr;

Listener make(const std::string& endpoint, std::string_view target, const std::string& name) {
    Listener listener;
    listener.proto = Proto::udp;
    listener.local = LocalEndpoint::parse(endpoint, Proto::udp).value();
    listener.target = Target::parse(target).value();
    listener.reuseport = true;
    listener.name = name;
    return listener;
}

/// "" where the second may stand beside the first.
std::string beside(const Listener& first, const Listener& second) {
    ListenerSet set;
    EXPECT_TRUE(set.add(first));
    const auto added = set.add(second);
    return added ? "" : added.error().message();
}

TEST(SharedEndpoints, AreOfOneKindOfTarget) {
    EXPECT_EQ(beside(make("*:53", "cpu:0", "a"), make("*:53", "cpu:1", "b")), "");
    EXPECT_EQ(beside(make("*:53", "xsk:x", "a"), make("*:53", "xsk:y", "b")), "");
    EXPECT_EQ(beside(make("*:53", "drop", "a"), make("*:53", "drop", "b")), "");
    EXPECT_THAT(beside(make("*:53", "cpu:0", "a"), make("*:53", "dev:eth1", "b")),
                HasSubstr("has one kind of target, and that is cpu"));
}

TEST(SharedEndpoints, ThatSteerHaveTheSamePorts) {
    EXPECT_EQ(beside(make("*:50-60", "cpu:0", "a"), make("*:50-60", "cpu:1", "b")), "");
    EXPECT_EQ(beside(make("*:50-60", "pass", "a"), make("*:53", "pass", "b")), "");
    EXPECT_THAT(beside(make("*:50-60", "cpu:0", "a"), make("*:53", "cpu:1", "b")),
                HasSubstr("listeners of a reuseport group that steers have the same ports"));
}

// Of groups no group can be made, and whom a socket's packets go to is the stack's part.
TEST(SharedEndpoints, OfGroupsAndSocketsHaveOneTarget) {
    for (const std::string kind : {"group", "socket"}) {
        EXPECT_EQ(beside(make("*:53", kind + ":x", "a"), make("*:53", kind + ":x", "b")), "");
        EXPECT_THAT(beside(make("*:53", kind + ":x", "a"), make("*:53", kind + ":y", "b")),
                    HasSubstr("a reuseport group is not made of " + kind + "s: give both " + kind + ":x"));
    }
}

TEST(SharedEndpoints, AreFoundWhereSeveralSteer) {
    ListenerSet set;
    for (const auto& listener : {make("*:53", "cpu:0", "a"),         // 1
                                 make("*:54", "cpu:0", "a"),         // 2, alone
                                 make("*:53", "cpu:1", "b"),         // 3
                                 make("192.0.2.1:53", "cpu:1", ""),  // 4, another place
                                 make("*:55", "drop", "a"),          // 5 and 6: one verdict for all
                                 make("*:55", "drop", "b"), make("*:60-90", "xsk:a", "a"),  // 7
                                 make("*:60-90", "xsk:b", "b"),                             // 8
                                 make("*:53", "cpu:0", "c")})                               // 9
        ASSERT_TRUE(set.add(listener));
    EXPECT_THAT(shared_endpoints(set), ::testing::UnorderedElementsAre(SharedEndpoint{1, 3, 9}, SharedEndpoint{7, 8}));
    ASSERT_TRUE(set.remove(ListenerSelector::of(make("*:53", "cpu:0", "a"))));
    EXPECT_THAT(shared_endpoints(set), ::testing::UnorderedElementsAre(SharedEndpoint{3, 9}, SharedEndpoint{7, 8}));
}

}  // namespace
}  // namespace xdemux::test::policy_shared_endpoints
