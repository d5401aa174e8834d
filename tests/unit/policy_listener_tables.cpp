// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/policy/decide.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/listener_tables.h>

namespace xdemux::test::policy_listener_tables {
namespace {

constexpr std::uint32_t eth0 = 7;
constexpr std::uint32_t eth1 = 8;

Listener make(const std::string& endpoint, std::uint32_t ifindex = 0, bool v6only = false) {
    Listener listener;
    listener.local = LocalEndpoint::parse(endpoint, Proto::tcp).value();
    if (ifindex != 0) listener.device = Device{ifindex, "dev" + std::to_string(ifindex)};
    listener.v6only = v6only;
    return listener;
}

PacketFacts packet(const std::string& destination, std::uint32_t ifindex = eth0, Proto proto = Proto::tcp) {
    const auto at = SocketAddress::parse(destination, proto).value();
    return {proto, at.address, at.port, ifindex};
}

/// The data path's look-up over the compiled tables, step by step as the program makes it.
class DataPath {
  public:
    explicit DataPath(const ListenerTables& tables) {
        for (const auto& [key, slot] : tables.slots)
            slots_[key] = slot;
        for (const auto& [key, answer] : tables.exact)
            exact_[key] = answer;
        for (const auto& [key, answer] : tables.prefixes)
            prefixes_[key] = answer;
    }

    void apply(const TablesDelta& delta) {
        for (const auto& [key, answer] : delta.exact_put)
            exact_[key] = answer;
        for (const auto& [key, answer] : delta.prefix_put)
            prefixes_[key] = answer;
        for (const auto& [key, slot] : delta.slots_put)
            slots_[key] = slot;
        for (const auto& key : delta.exact_erase)
            exact_.erase(key);
        for (const auto& key : delta.prefix_erase)
            prefixes_.erase(key);
    }

    [[nodiscard]] Decision look_up(const PacketFacts& packet) const {
        if (packet.port == 0) return {};
        for (const std::uint16_t port : {packet.port, std::uint16_t{0}}) {
            Decision decision = look_up_port(packet, port);
            if (decision.listener == 0) continue;
            if (port == 0) decision.step = ListenerStep::listener_all_ports;
            return decision;
        }
        return {};
    }

  private:
    template <typename Table, typename Key>
    static std::uint32_t find(const Table& table, const Key& key) {
        const auto found = table.find(key);
        return found == table.end() ? 0 : found->second.listener;
    }

    [[nodiscard]] Decision look_up_port(const PacketFacts& packet, std::uint16_t port) const {
        const auto found = slots_.find({packet.proto, port});
        if (found == slots_.end()) return {};
        const auto family = static_cast<std::size_t>(packet.destination.family());
        const unsigned hints = found->second.hints[family];
        for (const auto& [hint, ifindex] : {std::pair(hint_exact_bound, packet.ifindex), std::pair(hint_exact, 0U)}) {
            if ((hints & hint) == 0) continue;
            const auto id = find(exact_, ExactKey{packet.proto, ExactForm::address, packet.destination, ifindex, port});
            if (id != 0) return {id, ListenerStep::listener_exact};
        }
        if (const auto id = look_up_prefix(packet, port, hints); id != 0) return {id, ListenerStep::listener_prefix};
        const auto id = look_up_wildcard(packet, port, found->second.wildcard[family].listener, hints);
        return {id, id != 0 ? ListenerStep::listener_wildcard : ListenerStep::none};
    }

    [[nodiscard]] std::uint32_t look_up_prefix(const PacketFacts& packet, std::uint16_t port, unsigned hints) const {
        if ((hints & (hint_prefix | hint_prefix_bound)) == 0) return 0;
        for (int length = address_bits(packet.destination.family()); length >= 0; --length) {
            const Prefix prefix = Prefix::of(packet.destination, static_cast<std::uint8_t>(length));
            for (const auto& [hint, ifindex] :
                 {std::pair(hint_prefix_bound, packet.ifindex), std::pair(hint_prefix, 0U)}) {
                if ((hints & hint) == 0) continue;
                if (const auto id = find(prefixes_, PrefixKey{packet.proto, prefix, ifindex, port}); id != 0) return id;
            }
        }
        return 0;
    }

    [[nodiscard]] std::uint32_t look_up_wildcard(const PacketFacts& packet, std::uint16_t port, std::uint32_t unbound,
                                                 unsigned hints) const {
        if ((hints & hint_wildcard_bound) == 0) return unbound;
        const bool ipv4 = packet.destination.family() == Family::ipv4;
        const auto bound = [&](ExactForm form, Family any) {
            return find(exact_, ExactKey{packet.proto, form, Address::any(any), packet.ifindex, port});
        };
        const auto of_family =
            bound(ipv4 ? ExactForm::wildcard_ipv4 : ExactForm::wildcard_ipv6, packet.destination.family());
        if (of_family != 0) return of_family;
        if (unbound != 0 && (hints & hint_wildcard_dual) == 0) return unbound;
        const auto dual = bound(ExactForm::wildcard_dual, Family::ipv6);
        return dual != 0 ? dual : unbound;
    }

    std::map<SlotKey, Slot> slots_;
    std::map<ExactKey, Answer> exact_;
    std::map<PrefixKey, Answer> prefixes_;
};

struct PrecedenceCase {
    std::string why;
    std::vector<Listener> listeners;  ///< ids from 1
    PacketFacts packet;
    Decision expected;
};

TEST(Precedence, IsAsTheDesignHasIt) {
    using Step = ListenerStep;
    const std::vector<PrecedenceCase> cases{
        {"nothing", {}, packet("192.0.2.1:80"), {}},
        {"exact before prefix before wildcard",
         {make("0.0.0.0:80"), make("192.0.2.0/24:80"), make("192.0.2.1:80")},
         packet("192.0.2.1:80"),
         {3, Step::listener_exact}},
        {"exact unbound before prefix bound",
         {make("192.0.2.0/24:80", eth0), make("192.0.2.1:80")},
         packet("192.0.2.1:80"),
         {2, Step::listener_exact}},
        {"exact bound before unbound",
         {make("192.0.2.1:80"), make("192.0.2.1:80", eth0)},
         packet("192.0.2.1:80"),
         {2, Step::listener_exact}},
        {"bound to another device", {make("192.0.2.1:80", eth1)}, packet("192.0.2.1:80"), {}},
        {"longest prefix, even if a shorter one is bound",
         {make("192.0.0.0/16:80", eth0), make("192.0.2.0/24:80")},
         packet("192.0.2.1:80"),
         {2, Step::listener_prefix}},
        {"equal prefixes: bound first",
         {make("192.0.2.0/24:80"), make("192.0.2.0/24:80", eth0)},
         packet("192.0.2.1:80"),
         {2, Step::listener_prefix}},
        {"wildcard: family before dual-stack for IPv4",
         {make("[::]:80"), make("0.0.0.0:80")},
         packet("192.0.2.1:80"),
         {2, Step::listener_wildcard}},
        {"wildcard: v6only before dual-stack for IPv6",
         {make("[::]:80"), make("[::]:80", 0, true)},
         packet("[2001:db8::1]:80"),
         {2, Step::listener_wildcard}},
        {"wildcard: family unbound before dual-stack bound",
         {make("[::]:80", eth0), make("0.0.0.0:80")},
         packet("192.0.2.1:80"),
         {2, Step::listener_wildcard}},
        {"wildcard: dual-stack bound before dual-stack unbound",
         {make("[::]:80"), make("[::]:80", eth0)},
         packet("192.0.2.1:80"),
         {2, Step::listener_wildcard}},
        {"wildcard: family bound before unbound",
         {make("0.0.0.0:80"), make("0.0.0.0:80", eth0)},
         packet("192.0.2.1:80"),
         {2, Step::listener_wildcard}},
        {"v6only hears no IPv4", {make("[::]:80", 0, true)}, packet("192.0.2.1:80"), {}},
        {"dual-stack hears IPv4", {make("*:80")}, packet("192.0.2.1:80"), {1, Step::listener_wildcard}},
        {"a wildcard on the port before an address on all ports",
         {make("192.0.2.1:*"), make("0.0.0.0:80")},
         packet("192.0.2.1:80"),
         {2, Step::listener_wildcard}},
        {"all ports, exact before wildcard",
         {make("*:*"), make("192.0.2.1:*")},
         packet("192.0.2.1:80"),
         {2, Step::listener_all_ports}},
        {"the whole range before all ports",
         {make("192.0.2.1:*"), make("192.0.2.1:1-65535")},
         packet("192.0.2.1:65535"),
         {2, Step::listener_exact}},
        {"port 0 belongs to no one", {make("*:*")}, {Proto::tcp, Address::any(Family::ipv4), 0, eth0}, {}},
        {"the other protocol", {make("*:*")}, packet("192.0.2.1:80", eth0, Proto::udp), {}},
    };
    for (const auto& [why, listeners, facts, expected] : cases) {
        ListenerSet set;
        for (const Listener& listener : listeners)
            ASSERT_TRUE(set.add(listener)) << why;
        EXPECT_EQ(decide(set, facts), expected) << why;
        EXPECT_EQ(DataPath(compile(set)).look_up(facts), expected) << why;
    }
}

TEST(Precedence, OfAGroupTheLowestIdAnswers) {
    ListenerSet set;
    Listener member = make("*:80-90");
    member.reuseport = true;
    for (const char* name : {"a", "b", "c"}) {
        member.name = name;
        ASSERT_TRUE(set.add(member));
    }
    ASSERT_TRUE(set.remove(ListenerSelector{Proto::tcp, member.local, std::nullopt, false, "a"}));
    member.name = "d";
    member.local.ports = PortRange::one(85);
    ASSERT_EQ(set.add(member), 1U);
    const DataPath path(compile(set));
    EXPECT_EQ(path.look_up(packet("192.0.2.1:85")).listener, 1U);
    EXPECT_EQ(path.look_up(packet("192.0.2.1:84")).listener, 2U);
    EXPECT_EQ(decide(set, packet("192.0.2.1:85")).listener, 1U);
    EXPECT_EQ(decide(set, packet("192.0.2.1:84")).listener, 2U);
}

TEST(Precedence, StepsAreNamedAsTheReasonsAre) {
    EXPECT_EQ(listener_step_name(ListenerStep::none), "none");
    EXPECT_EQ(listener_step_name(ListenerStep::listener_exact), "listener_exact");
    EXPECT_EQ(listener_step_name(ListenerStep::listener_prefix), "listener_prefix");
    EXPECT_EQ(listener_step_name(ListenerStep::listener_wildcard), "listener_wildcard");
    EXPECT_EQ(listener_step_name(ListenerStep::listener_all_ports), "listener_all_ports");
}

/// Few addresses, ports and devices, so that listeners meet often.
class RandomWorld {
  public:
    explicit RandomWorld(std::uint32_t seed) : random_(seed) {}

    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

    Listener listener() {
        static const std::vector<std::string> hosts{
            "0.0.0.0",        "[::]",          "10.0.0.1",      "10.0.0.2",         "10.0.0.0/31", "10.0.0.0/24",
            "10.0.0.0/8",     "[2001:db8::1]", "[2001:db8::2]", "[2001:db8::/127]", "128.0.0.0/1", "[2001:db8::/64]",
            "[2001:db8::/32]"};
        static const std::vector<std::string> ports{"1", "2", "3", "1-2", "2-3", "1-3", "*", "65535", "65534-65535"};
        Listener made = make(hosts[below(static_cast<std::uint32_t>(hosts.size()))] + ":" +
                             ports[below(static_cast<std::uint32_t>(ports.size()))]);
        made.proto = below(4) == 0 ? Proto::udp : Proto::tcp;
        if (below(3) == 0) made.device = Device{below(2) == 0 ? eth0 : eth1, "dev"};
        made.v6only = made.local.family() == Family::ipv6 && below(3) == 0;
        made.reuseport = below(2) == 0;
        made.name = std::string(1, static_cast<char>('a' + below(3)));
        made.target = {static_cast<TargetKind>(below(3))};
        if (below(3) == 0) made.guard.rate = Rate{1 + below(3), 1};
        return made;
    }

    /// Changes the set by one listener, if it may.
    void change(ListenerSet& set) {
        if (set.empty() || below(3) != 0) {
            if (below(4) == 0) {
                (void)set.replace(listener());
            } else {
                (void)set.add(listener());
            }
            return;
        }
        const auto victim = std::next(set.listeners().begin(), below(static_cast<std::uint32_t>(set.size())));
        EXPECT_TRUE(set.remove(ListenerSelector::of(victim->second)));
    }

  private:
    std::mt19937 random_;
};

std::vector<PacketFacts> all_packets() {
    std::vector<PacketFacts> packets;
    for (const char* address : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.9.0.1", "192.0.2.1", "2001:db8::1",
                                "2001:db8::2", "2001:db8::3", "2001:db8:1::", "fe80::1"}) {
        for (const std::uint16_t port : std::initializer_list<std::uint16_t>{0, 1, 2, 3, 4, 65534, 65535}) {
            for (const std::uint32_t ifindex : {eth0, eth1, 9U}) {
                for (const Proto proto : {Proto::tcp, Proto::udp}) {
                    packets.push_back({proto, Address::parse(address).value(), port, ifindex});
                }
            }
        }
    }
    return packets;
}

TEST(ListenerTables, DecideAsTheReferenceDoesOnRandomSets) {
    const auto packets = all_packets();
    std::map<ListenerStep, int> seen;
    for (std::uint32_t seed = 0; seed < 2000; ++seed) {
        RandomWorld world(seed);
        ListenerSet set;
        const std::uint32_t changes = 1 + world.below(30);
        for (std::uint32_t i = 0; i < changes; ++i)
            world.change(set);
        const DataPath path(compile(set));
        for (int i = 0; i < 60; ++i) {
            const auto& facts = packets[world.below(static_cast<std::uint32_t>(packets.size()))];
            const Decision expected = decide(set, facts);
            ++seen[expected.step];
            ASSERT_EQ(path.look_up(facts), expected) << "seed " << seed << ", to " << facts.destination.to_string()
                                                     << " port " << facts.port << " on " << facts.ifindex;
        }
    }
    for (const auto step : {ListenerStep::none, ListenerStep::listener_exact, ListenerStep::listener_prefix,
                            ListenerStep::listener_wildcard, ListenerStep::listener_all_ports}) {
        EXPECT_GT(seen[step], 1000) << listener_step_name(step);
    }
}

TEST(ListenerTables, DifferenceTurnsOneViewIntoTheOther) {
    const auto packets = all_packets();
    for (std::uint32_t seed = 0; seed < 100; ++seed) {
        RandomWorld world(seed);
        ListenerSet set;
        ListenerTables before = compile(set);
        DataPath path(before);
        for (int change = 0; change < 30; ++change) {
            world.change(set);
            const ListenerTables after = compile(set);
            const TablesDelta delta = diff(before, after);
            EXPECT_EQ(delta.empty(), before == after);
            path.apply(delta);
            before = after;
            for (int i = 0; i < 20; ++i) {
                const auto& facts = packets[world.below(static_cast<std::uint32_t>(packets.size()))];
                ASSERT_EQ(path.look_up(facts), decide(set, facts)) << "seed " << seed << " change " << change;
            }
        }
    }
}

TEST(ListenerTables, AreSortedAndOfTheSizeForetold) {
    for (std::uint32_t seed = 0; seed < 200; ++seed) {
        RandomWorld world(seed);
        ListenerSet set;
        for (int i = 0; i < 30; ++i)
            world.change(set);
        const ListenerTables tables = compile(set);
        const ListenerTableSizes sizes = table_sizes(set);
        EXPECT_EQ(tables.exact.size(), sizes.exact);
        EXPECT_EQ(tables.prefixes.size(), sizes.prefixes);
        const auto strictly = [](const auto& entries) {
            return std::adjacent_find(entries.begin(), entries.end(),
                                      [](const auto& a, const auto& b) { return !(a.key < b.key); }) == entries.end();
        };
        EXPECT_TRUE(strictly(tables.exact));
        EXPECT_TRUE(strictly(tables.prefixes));
        EXPECT_TRUE(strictly(tables.slots));
    }
}

TEST(ListenerTables, DifferenceHoldsWhatChangedAlone) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("192.0.2.1:80")));
    ASSERT_TRUE(set.add(make("0.0.0.0:81")));
    const ListenerTables before = compile(set);
    Listener replaced = make("192.0.2.1:80");
    replaced.target = {TargetKind::drop};
    ASSERT_TRUE(set.replace(replaced));
    const TablesDelta changed = diff(before, compile(set));
    ASSERT_EQ(changed.exact_put.size(), 1U);
    EXPECT_EQ(changed.exact_put[0].value, (Answer{1, TargetKind::drop}));
    EXPECT_TRUE(changed.slots_put.empty()) << "the slot's hint stays as it is";
    EXPECT_TRUE(changed.exact_erase.empty());

    const TablesDelta cleared = diff(compile(set), compile(ListenerSet{}));
    EXPECT_EQ(cleared.exact_erase.size(), 1U);
    ASSERT_EQ(cleared.slots_put.size(), 2U);
    EXPECT_TRUE(cleared.slots_put[0].value.empty());
    EXPECT_EQ(cleared.slots_put[0].key, (SlotKey{Proto::tcp, 80}));
    EXPECT_TRUE(diff(before, before).empty());
}

TEST(ListenerTables, HintsNameTheFamiliesThatAreConcerned) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("192.0.2.1:80")));
    ASSERT_TRUE(set.add(make("[2001:db8::/64]:80", eth0)));
    ASSERT_TRUE(set.add(make("[::]:80")));
    ASSERT_TRUE(set.add(make("[::]:81", eth0)));
    const ListenerTables tables = compile(set);
    ASSERT_EQ(tables.slots.size(), 2U);
    const Slot& port_80 = tables.slots[0].value;
    EXPECT_EQ(port_80.hints[0], hint_exact | hint_wildcard_dual);
    EXPECT_EQ(port_80.hints[1], hint_prefix_bound | hint_wildcard_dual);
    EXPECT_EQ(port_80.wildcard[0].listener, 3U);
    EXPECT_EQ(port_80.wildcard[1].listener, 3U);
    const Slot& port_81 = tables.slots[1].value;
    EXPECT_EQ(port_81.hints[0], hint_wildcard_bound);
    EXPECT_EQ(port_81.hints[1], hint_wildcard_bound);
    EXPECT_EQ(port_81.wildcard[0], Answer{});
}

TEST(ListenerTables, AWildcardOnAllPortsTakesOneSlotAndNoEntry) {
    ListenerSet set;
    ASSERT_TRUE(set.add(make("*:*")));
    const ListenerTables tables = compile(set);
    ASSERT_EQ(tables.slots.size(), 1U);
    EXPECT_EQ(tables.slots[0].key, (SlotKey{Proto::tcp, 0}));
    EXPECT_TRUE(tables.exact.empty());
    EXPECT_TRUE(tables.prefixes.empty());
}

}  // namespace
}  // namespace xdemux::test::policy_listener_tables
