// SPDX-License-Identifier: BSD-2-Clause
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/policy/listener.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/port_intervals.h>
#include <xdemux/policy/target.h>

namespace xdemux::test::policy_listener_set {
namespace {

const Device eth0{7, "eth0"};
const Device eth1{8, "eth1"};

/// A listener from its endpoint, with the options that a test sets by name.
struct Options {
    Proto proto = Proto::tcp;
    std::optional<Device> device{};
    bool v6only = false;
    bool reuseport = false;
    std::string name{};
    TargetKind target = TargetKind::pass;
};

Listener make(const std::string& endpoint, const Options& options = {}) {
    Listener listener;
    listener.proto = options.proto;
    listener.local = LocalEndpoint::parse(endpoint, options.proto).value();
    listener.device = options.device;
    listener.v6only = options.v6only;
    listener.reuseport = options.reuseport;
    listener.name = options.name;
    listener.target = {options.target};
    return listener;
}

ListenerSelector select(const std::string& endpoint, const Options& options = {}) {
    return ListenerSelector::of(make(endpoint, options));
}

TEST(Listener, RefusesABadName) {
    EXPECT_TRUE(check_listener_name(""));
    EXPECT_TRUE(check_listener_name("Web-1.a_b"));
    EXPECT_TRUE(check_listener_name("exactly15bytes."));
    EXPECT_EQ(check_listener_name("sixteen-bytes-xx").error().message(),
              "listener name \"sixteen-bytes-xx\" is longer than 15 bytes; use a shorter one");
    for (const char* name : {"a b", "a/b", "\xc3\xa9", "a\n", "\"", "a,b"}) {
        const auto status = make("*:80", {.name = name}).validate();
        ASSERT_FALSE(status) << name;
        EXPECT_EQ(status.error().kind(), ErrorKind::usage);
    }
}

TEST(Listener, TakesV6onlyOnIpv6EndpointsAlone) {
    EXPECT_TRUE(make("[::]:80", {.v6only = true}).validate());
    EXPECT_TRUE(make("*:80", {.v6only = true}).validate());
    EXPECT_TRUE(make("[2001:db8::1]:80", {.v6only = true}).validate());
    const auto status = make("0.0.0.0:80", {.v6only = true}).validate();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().message(), "listener tcp 0.0.0.0:80: --v6only goes with an IPv6 endpoint, as in [::]:80");
    EXPECT_FALSE(make("10.0.0.0/8:80", {.v6only = true}).validate());
}

TEST(Listener, HearsTheFamiliesOfItsScope) {
    EXPECT_EQ(make("0.0.0.0:80").scope(), Scope::ipv4);
    EXPECT_EQ(make("[::]:80").scope(), Scope::dual);
    EXPECT_EQ(make("*:80").scope(), Scope::dual);
    EXPECT_EQ(make("[::]:80", {.v6only = true}).scope(), Scope::ipv6);
    EXPECT_EQ(make("[2001:db8::1]:80").scope(), Scope::ipv6);
    EXPECT_EQ(make("[2001:db8::/32]:80").scope(), Scope::ipv6);
}

TEST(Listener, IsDescribedAsTheCommandLineHasIt) {
    EXPECT_EQ(make("*:80", {.device = eth0, .v6only = true}).describe(), "tcp [::]:80 --dev eth0 --v6only");
    EXPECT_EQ(make("10.0.0.0/8:53", {.proto = Proto::udp}).describe(), "udp 10.0.0.0/8:53");
}

struct PairCase {
    std::string why;
    Listener first;
    Listener second;
    bool conflict;
};

TEST(ListenerSet, FindsAConflictExactlyWhereAPacketMatchesBothAtOneStep) {
    const auto udp = [](const std::string& endpoint) { return make(endpoint, {.proto = Proto::udp}); };
    const std::vector<PairCase> cases{
        {"the same endpoint", make("192.0.2.1:80"), make("192.0.2.1:80"), true},
        {"another protocol", make("192.0.2.1:80"), udp("192.0.2.1:80"), false},
        {"another port", make("192.0.2.1:80"), make("192.0.2.1:81"), false},
        {"another address", make("192.0.2.1:80"), make("192.0.2.2:80"), false},
        {"a port inside a range", make("192.0.2.1:8000-8999"), make("192.0.2.1:8500"), true},
        {"a range around a port", make("192.0.2.1:8500"), make("192.0.2.1:8000-8999"), true},
        {"ranges that touch", make("192.0.2.1:80-90"), make("192.0.2.1:90-100"), true},
        {"ranges side by side", make("192.0.2.1:80-89"), make("192.0.2.1:90-100"), false},
        {"a port and all ports", make("192.0.2.1:80"), make("192.0.2.1:*"), false},
        {"the whole range and all ports", make("192.0.2.1:1-65535"), make("192.0.2.1:*"), false},
        {"all ports twice", make("192.0.2.1:*"), make("192.0.2.1:*"), true},
        {"IPv4 wildcard and dual-stack", make("0.0.0.0:80"), make("[::]:80"), false},
        {"v6only and dual-stack", make("[::]:80", {.v6only = true}), make("[::]:80"), false},
        {"v6only and IPv4 wildcard", make("[::]:80", {.v6only = true}), make("0.0.0.0:80"), false},
        {"* and [::]", make("*:80"), make("[::]:80"), true},
        {"wildcard and address", make("0.0.0.0:80"), make("192.0.2.1:80"), false},
        {"prefix and address in it", make("192.0.2.0/24:80"), make("192.0.2.1:80"), false},
        {"prefixes of two lengths", make("192.0.2.0/24:80"), make("192.0.2.0/25:80"), false},
        {"the same prefix", make("192.0.2.0/24:80"), make("192.0.2.0/24:80"), true},
        {"an address and its /32", make("192.0.2.1:80"), make("192.0.2.1/32:80"), true},
        {"bound and unbound", make("0.0.0.0:80", {.device = eth0}), make("0.0.0.0:80"), false},
        {"bound to two devices", make("0.0.0.0:80", {.device = eth0}), make("0.0.0.0:80", {.device = eth1}), false},
        {"bound to one device", make("0.0.0.0:80", {.device = eth0}), make("0.0.0.0:80", {.device = eth0}), true},
        {"v6only on an address changes nothing", make("[::1]:80", {.v6only = true}), make("[::1]:80"), true},
        {"other targets", make("*:80", {.target = TargetKind::drop}), make("*:80"), true},
        {"reuseport on one alone", make("*:80", {.reuseport = true, .name = "a"}), make("*:80", {.name = "b"}), true},
        {"a reuseport group", make("*:80", {.reuseport = true, .name = "a"}),
         make("*:80", {.reuseport = true, .name = "b"}), false},
        {"a group of one named member and one unnamed", make("*:80", {.reuseport = true, .name = "a"}),
         make("*:80", {.reuseport = true}), false},
        {"a group with one name twice", make("*:80", {.reuseport = true, .name = "a"}),
         make("*:80", {.reuseport = true, .name = "a"}), true},
        {"a group without names", make("*:80", {.reuseport = true}), make("*:80", {.reuseport = true}), true},
        {"a group with two targets", make("*:80", {.reuseport = true, .name = "a"}),
         make("*:80", {.reuseport = true, .name = "b", .target = TargetKind::drop}), true},
        {"a group of overlapping ranges", make("*:80-90", {.reuseport = true, .name = "a"}),
         make("*:85", {.reuseport = true, .name = "b"}), false},
    };
    for (const auto& [why, first, second, conflict] : cases) {
        for (const bool swapped : {false, true}) {
            ListenerSet set;
            ASSERT_TRUE(set.add(swapped ? second : first)) << why;
            const auto added = set.add(swapped ? first : second);
            EXPECT_EQ(!added.has_value(), conflict) << why;
            EXPECT_EQ(set.size(), conflict ? 1U : 2U) << why;
            if (!added) {
                EXPECT_EQ(added.error().kind(), ErrorKind::in_use) << why;
            }
        }
    }
}

TEST(ListenerSet, NamesTheHolderAndTheWayOutOfAConflict) {
    const auto message = [](const Listener& holder, const Listener& newcomer) {
        ListenerSet set;
        EXPECT_TRUE(set.add(holder));
        return set.add(newcomer).error().message();
    };
    const std::string use = "cannot add listener tcp 0.0.0.0:80: address already in use by ";
    EXPECT_EQ(message(make("0.0.0.0:80", {.name = "web"}), make("0.0.0.0:80")),
              use + "listener \"web\"; use --reuseport on both, or delete it first");
    EXPECT_EQ(message(make("0.0.0.0:80"), make("0.0.0.0:80")),
              use + "listener tcp 0.0.0.0:80; use --reuseport on both, or delete it first");
    EXPECT_EQ(message(make("0.0.0.0:80-90", {.name = "web"}), make("0.0.0.0:80")),
              use + "listener \"web\" (tcp 0.0.0.0:80-90); use --reuseport on both, or delete it first");
    EXPECT_EQ(message(make("0.0.0.0:80", {.reuseport = true, .name = "a"}),
                      make("0.0.0.0:80", {.reuseport = true, .name = "b", .target = TargetKind::drop})),
              use + "listener \"a\"; a reuseport group has one kind of target, and that is pass");
    EXPECT_EQ(message(make("0.0.0.0:80", {.reuseport = true, .name = "a"}),
                      make("0.0.0.0:80", {.reuseport = true, .name = "a"})),
              use + "listener \"a\"; give each member of a reuseport group its own --name");
}

TEST(ListenerSet, HandsOutTheSmallestFreeId) {
    ListenerSet set;
    EXPECT_EQ(set.add(make("*:1")), 1U);
    EXPECT_EQ(set.add(make("*:2")), 2U);
    EXPECT_EQ(set.add(make("*:3")), 3U);
    EXPECT_FALSE(set.add(make("*:3"))) << "a refused one takes no id";
    ASSERT_TRUE(set.remove(select("*:2")));
    ASSERT_TRUE(set.remove(select("*:1")));
    EXPECT_EQ(set.add(make("*:10")), 1U);
    EXPECT_EQ(set.add(make("*:11")), 2U);
    EXPECT_EQ(set.add(make("*:12")), 4U);
}

TEST(ListenerSet, RestoresListenersUnderTheirIds) {
    ListenerSet set;
    Listener listener = make("*:80");
    EXPECT_EQ(set.restore(listener).error().kind(), ErrorKind::failed) << "without an id";
    listener.id = 4000000000;
    ASSERT_TRUE(set.restore(listener));
    listener.local = make("*:81").local;
    EXPECT_EQ(set.restore(listener).error().kind(), ErrorKind::in_use) << "the id is taken";
    listener.id = 2;
    ASSERT_TRUE(set.restore(listener));
    listener.id = 3;
    EXPECT_EQ(set.restore(listener).error().kind(), ErrorKind::in_use) << "the endpoint is taken";
    EXPECT_EQ(set.add(make("*:90")), 1U);
    EXPECT_EQ(set.add(make("*:91")), 3U);
    ASSERT_NE(set.find(4000000000U), nullptr);
    EXPECT_EQ(set.find(4000000000U)->local.ports.first, 80);
    EXPECT_EQ(set.find(5U), nullptr);
}

TEST(ListenerSet, RemovesExactlyTheOneThatIsNamed) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("[::]:80")));
    ASSERT_TRUE(set.add(make("[::]:80", {.v6only = true})));
    ASSERT_TRUE(set.add(make("[::]:80", {.device = eth0})));
    ASSERT_TRUE(set.add(make("[::]:80", {.proto = Proto::udp})));
    const auto removed = set.remove(select("*:80", {.device = Device{7, "renamed"}}));
    ASSERT_TRUE(removed);
    EXPECT_EQ(removed->id, 3U);
    EXPECT_EQ(set.remove(select("[::]:80", {.v6only = true}))->id, 2U);
    EXPECT_EQ(set.size(), 2U);
    EXPECT_EQ(set.remove(select("[::]:80", {.device = eth0})).error().kind(), ErrorKind::not_found);
    EXPECT_TRUE(set.add(make("[::]:80", {.device = eth0}))) << "its place is free again";
}

TEST(ListenerSet, SaysWhatIsNearWhereNothingIsFound) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("[::]:80", {.v6only = true})));
    ASSERT_TRUE(set.add(make("192.0.2.1:8000-8999", {.name = "many"})));
    EXPECT_EQ(set.remove(select("192.0.2.1:80")).error().message(), "no listener tcp 192.0.2.1:80");
    EXPECT_EQ(set.remove(select("[::]:80")).error().message(), "no listener tcp [::]:80; there is one with --v6only");
    EXPECT_EQ(set.remove(select("192.0.2.1:8500")).error().message(),
              "no listener tcp 192.0.2.1:8500; there is tcp 192.0.2.1:8000-8999 --name many");
    EXPECT_EQ(set.remove(select("192.0.2.1:8000-8999", {.name = "few"})).error().message(),
              "no listener tcp 192.0.2.1:8000-8999 --name few; there is tcp 192.0.2.1:8000-8999 --name many");
    EXPECT_EQ(set.size(), 2U);
}

TEST(ListenerSet, AsksForANameToRemoveFromAGroup) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("*:80", {.reuseport = true, .name = "a"})));
    ASSERT_TRUE(set.add(make("*:80", {.reuseport = true, .name = "b"})));
    const auto ambiguous = set.remove(select("*:80"));
    ASSERT_FALSE(ambiguous);
    EXPECT_EQ(ambiguous.error().kind(), ErrorKind::usage);
    EXPECT_EQ(ambiguous.error().message(),
              "listener tcp [::]:80 is a reuseport group of 2; choose one with --name: \"a\", \"b\"");
    EXPECT_EQ(set.remove(select("*:80", {.name = "b"}))->name, "b");
    EXPECT_EQ(set.remove(select("*:80"))->name, "a") << "the last one needs no name";
    EXPECT_TRUE(set.empty());
    EXPECT_TRUE(set.places().empty());
}

TEST(ListenerSet, ReplacesInPlaceAndKeepsTheId) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("*:79")));
    ASSERT_TRUE(set.add(make("*:80", {.name = "web"})));
    EXPECT_EQ(set.replace(make("*:80", {.name = "new", .target = TargetKind::drop})), 2U);
    EXPECT_EQ(set.find(2U)->name, "new");
    EXPECT_EQ(set.find(2U)->target.kind, TargetKind::drop);
    EXPECT_EQ(set.replace(make("*:81")), 3U) << "what is not there is added";
    EXPECT_EQ(set.size(), 3U);
}

TEST(ListenerSet, ReplacesNothingThatOnlyOverlaps) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("*:80-90")));
    EXPECT_EQ(set.replace(make("*:85")).error().kind(), ErrorKind::in_use);
    EXPECT_EQ(set.find(1U)->local.ports, (PortRange{80, 90}));
}

TEST(ListenerSet, ReplacesAMemberOfAGroupByItsName) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("*:80", {.reuseport = true, .name = "a"})));
    EXPECT_EQ(set.replace(make("*:80", {.reuseport = true, .name = "b"})), 2U) << "another member joins";
    EXPECT_EQ(set.replace(make("*:80", {.reuseport = true, .name = "b"})), 2U);
    EXPECT_EQ(set.size(), 2U);
    const auto other_target = set.replace(make("*:80", {.reuseport = true, .name = "b", .target = TargetKind::drop}));
    EXPECT_EQ(other_target.error().kind(), ErrorKind::in_use) << "the group keeps one target";
    EXPECT_EQ(set.replace(make("*:80", {.name = "b"})).error().kind(), ErrorKind::in_use) << "still a group with a";
    EXPECT_EQ(set.find(2U)->target.kind, TargetKind::pass);
    EXPECT_TRUE(set.find(2U)->reuseport);
}

TEST(ListenerSet, RefusesAnInvalidListener) {
    ListenerSet set;
    EXPECT_EQ(set.add(make("0.0.0.0:80", {.v6only = true})).error().kind(), ErrorKind::usage);
    EXPECT_EQ(set.replace(make("0.0.0.0:80", {.name = "a b"})).error().kind(), ErrorKind::usage);
    EXPECT_TRUE(set.empty());
}

TEST(ListenerSet, HoldsAHundredThousandAndFindsEachAgain) {
    ListenerSet set;
    Listener listener = make("10.0.0.1:80");
    for (std::uint32_t i = 0; i < 100000; ++i) {
        const auto high = static_cast<std::uint8_t>(i >> 16U);
        const auto mid = static_cast<std::uint8_t>(i >> 8U);
        listener.local.prefix.address = Address::ipv4({10, high, mid, static_cast<std::uint8_t>(i)});
        ASSERT_EQ(set.add(listener), i + 1);
    }
    EXPECT_EQ(set.add(make("10.0.1.44:80")).error().kind(), ErrorKind::in_use);
    EXPECT_EQ(set.remove(select("10.0.1.44:80"))->id, 301U);
    EXPECT_EQ(set.add(make("10.0.1.44:80")), 301U);
}

TEST(PortIntervals, AgreesWithOneSetPerPort) {
    std::mt19937 random(1);
    constexpr std::uint16_t ports = 40;
    for (int round = 0; round < 200; ++round) {
        PortIntervals intervals;
        std::vector<std::set<std::uint32_t>> model(ports + 1);
        std::vector<std::pair<PortRange, std::uint32_t>> held;
        for (std::uint32_t id = 1; id <= 12; ++id) {
            auto first = static_cast<std::uint16_t>(1 + random() % ports);
            auto last = static_cast<std::uint16_t>(1 + random() % ports);
            if (first > last) std::swap(first, last);
            intervals.add({first, last}, id);
            held.emplace_back(PortRange{first, last}, id);
            for (std::size_t port = first; port <= last; ++port)
                model[port].insert(id);
            if (random() % 3 == 0) {
                const std::size_t victim = random() % held.size();
                const auto [range, gone] = held[victim];
                intervals.remove(range, gone);
                held.erase(held.begin() + static_cast<std::ptrdiff_t>(victim));
                for (auto& holders : model)
                    holders.erase(gone);
            }
            for (std::uint16_t port = 1; port <= ports; ++port) {
                const auto holders = intervals.holders(PortRange::one(port));
                EXPECT_EQ(std::set<std::uint32_t>(holders.begin(), holders.end()), model[port]);
            }
        }
        for (const auto& [range, id] : held)
            intervals.remove(range, id);
        EXPECT_TRUE(intervals.empty());
    }
}

TEST(PortIntervals, ReachesTheLastPort) {
    PortIntervals intervals;
    intervals.add({1, 65535}, 1);
    intervals.add({65535, 65535}, 2);
    EXPECT_EQ(intervals.holders({65535, 65535}), (std::vector<std::uint32_t>{1, 2}));
    EXPECT_EQ(intervals.holders({65534, 65534}), (std::vector<std::uint32_t>{1}));
    EXPECT_TRUE(intervals.holders(PortRange::all()).empty()) << "all ports is a port of its own";
    intervals.remove({1, 65535}, 1);
    EXPECT_EQ(intervals.segments().size(), 1U);
}

}  // namespace
}  // namespace xdemux::test::policy_listener_set
