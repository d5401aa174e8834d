// SPDX-License-Identifier: BSD-2-Clause
// The contract's layouts from the policy's values and back.
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include <xdemux/kernel/encode.h>

namespace xdemux::test::encode_tables {
namespace {

Listener listener(const std::string& endpoint) {
    Listener out;
    out.id = 7;
    out.proto = Proto::udp;
    out.local = LocalEndpoint::parse(endpoint, out.proto).value();
    out.target = {TargetKind::reject};
    return out;
}

TEST(Encode, a_listener_survives_the_way_there_and_back) {
    for (const auto* endpoint : {"192.0.2.1:80", "203.0.113.0/24:1-9", "0.0.0.0:53", "[::]:53", "[2001:db8::/32]:*"}) {
        Listener original = listener(endpoint);
        for (const bool v6only : {false, true}) {
            original.v6only = v6only && original.local == listener("[::]:53").local;
            original.reuseport = v6only;
            original.name = v6only ? "fifteen-letters" : "";
            if (v6only) original.device = Device{4, "eth0"};
            const auto stored = encode(original, contract::TARGET_REJECT, contract::LISTENER_ADDING);
            EXPECT_EQ(stored.state, contract::LISTENER_ADDING);
            const auto back = decode(7, stored, TargetTable());
            ASSERT_TRUE(back) << back.error().message();
            EXPECT_EQ(*back, original) << endpoint;
        }
    }
}

TEST(Encode, a_listener_has_the_contracts_numbers) {
    const auto stored = encode(listener("[::]:53"), contract::TARGET_REJECT, contract::LISTENER_ACTIVE);
    EXPECT_EQ(stored.family, contract::FAMILY_DUAL);
    EXPECT_EQ(stored.scope, contract::SCOPE_WILDCARD);
    EXPECT_EQ(stored.proto, contract::PROTO_UDP);
    EXPECT_EQ(stored.target, contract::TARGET_REJECT);
    EXPECT_EQ(stored.port, 53);
    EXPECT_EQ(encode(listener("192.0.2.1:*"), contract::TARGET_REJECT, contract::LISTENER_ACTIVE).port, 0);
    EXPECT_EQ(encode(listener("192.0.2.1:80"), contract::TARGET_REJECT, contract::LISTENER_ACTIVE).prefix_len, 32);
}

TEST(Encode, a_guard_has_its_times_and_keeps_what_the_user_asked_for) {
    Guard guard;
    EXPECT_EQ(encode(guard).packet_ns, 0U);
    EXPECT_EQ(decode_rate(encode(guard)), std::nullopt);
    guard.sources = {Prefix::parse("10.0.0.0/8").value(), Prefix::parse("2001:db8::/32").value()};
    guard.rate = Rate{100, 5};
    EXPECT_EQ(encode(guard).prefixes, 2U);
    EXPECT_EQ(encode(guard).packet_ns, 10'000'000U);
    EXPECT_EQ(encode(guard).burst_ns, 40'000'000U) << "the first of the burst costs nothing in advance";
    // 70,000 a second is no whole number of nanoseconds; the last is the largest there is.
    for (const Rate rate :
         {Rate{1, 1}, Rate{100, 5}, Rate{70'000, 70'000}, Rate{1, Rate::most}, Rate{Rate::most, Rate::most}}) {
        guard.rate = rate;
        EXPECT_EQ(decode_rate(encode(guard)), rate);
    }
}

TEST(Encode, sources_count_their_fixed_bits_and_survive_the_way_there_and_back) {
    for (const auto* text : {"10.0.0.0/8", "192.0.2.7/32", "0.0.0.0/0", "2001:db8::/32", "::/0"}) {
        const Prefix source = Prefix::parse(text).value();
        const auto stored = encode_source(9, source);
        EXPECT_EQ(stored.prefixlen, 64U + source.length);
        EXPECT_EQ(stored.listener, 9U);
        EXPECT_EQ(decode(stored), source);
    }
}

TEST(Encode, entries_say_that_their_listener_is_guarded) {
    EXPECT_EQ(encode(Answer{3, TargetKind::pass, true}, 32).guarded, 1);
    EXPECT_EQ(decode(encode(Answer{3, TargetKind::pass, true}, 32)), (Answer{3, TargetKind::pass, true}));
    EXPECT_EQ(encode(Answer{3, TargetKind::pass, false}, 32).guarded, 0);
    Slot slot;
    slot.wildcard[1] = {9, TargetKind::drop, true};
    slot.hints[1] = hint_wildcard_guarded;
    EXPECT_EQ(encode(slot).hints[1], contract::HINT_WILDCARD_GUARDED);
    EXPECT_EQ(decode(encode(slot)), slot);
    Listener guarded = listener("[::]:53");
    EXPECT_EQ(encode(guarded, contract::TARGET_REJECT, contract::LISTENER_ACTIVE).guarded, 0);
    guarded.guard.rate = Rate{};
    EXPECT_EQ(encode(guarded, contract::TARGET_REJECT, contract::LISTENER_ACTIVE).guarded, 1);
}

TEST(Encode, a_listener_that_makes_no_sense_is_an_error) {
    auto stored = encode(listener("203.0.113.0/24:80"), contract::TARGET_REJECT, contract::LISTENER_ACTIVE);
    stored.prefix_len = 33;
    EXPECT_FALSE(decode(7, stored, TargetTable()));
    stored.prefix_len = 24;
    stored.target = contract::TARGET_NONE;
    EXPECT_FALSE(decode(7, stored, TargetTable()));
}

TEST(Encode, exact_keys_tell_addresses_and_wildcards_apart) {
    const auto address = Address::parse("192.0.2.1").value();
    const ExactKey keys[] = {{Proto::tcp, ExactForm::address, address, 0, 80},
                             {Proto::tcp, ExactForm::wildcard_ipv4, Address::any(Family::ipv4), 3, 80},
                             {Proto::udp, ExactForm::wildcard_ipv6, Address::any(Family::ipv6), 3, 0},
                             {Proto::udp, ExactForm::wildcard_dual, Address::any(Family::ipv6), 3, 80}};
    for (const auto& key : keys)
        EXPECT_EQ(decode(encode(key)), key);
    EXPECT_EQ(encode(keys[3]).family, contract::FAMILY_DUAL);
    EXPECT_EQ(encode(keys[0]).addr[0], 192);
}

TEST(Encode, prefix_keys_count_their_fixed_bits) {
    const PrefixKey key{Proto::tcp, Prefix::parse("2001:db8::/32").value(), 2, 443};
    const auto stored = encode(key);
    EXPECT_EQ(stored.prefixlen, 64U + 32U);
    EXPECT_EQ(decode(stored), key);
    EXPECT_EQ(encode_local(key.prefix).prefixlen, 32U + 32U);
}

TEST(Encode, keys_of_routes_and_of_link_addresses_are_of_different_families) {
    const auto route = encode_local(Prefix::parse("192.0.2.0/24").value());
    EXPECT_EQ(route.family, contract::FAMILY_IPV4);
    EXPECT_EQ(route.prefixlen, 32U + 24U);
    EXPECT_EQ(route.addr[2], 2);
    const auto link = encode_local(LocalLink{7, {2, 0, 0, 0, 0, 9}});
    EXPECT_EQ(link.family, contract::FAMILY_LINK);
    EXPECT_EQ(link.prefixlen, 32U + 96U);
    contract::local_link stored{};
    std::memcpy(&stored, link.addr, sizeof stored);
    EXPECT_EQ(stored.ifindex, 7U);
    EXPECT_EQ(stored.mac[0], 2);
    EXPECT_EQ(stored.mac[5], 9);
}

TEST(Encode, a_slot_names_no_target_without_a_listener) {
    Slot slot;
    slot.wildcard[1] = {9, TargetKind::drop};
    slot.hints = {hint_exact, hint_wildcard_dual};
    const auto stored = encode(slot);
    EXPECT_EQ(stored.target[0], contract::TARGET_NONE);
    EXPECT_EQ(stored.target[1], contract::TARGET_DROP);
    EXPECT_EQ(stored.listener[1], 9U);
    EXPECT_EQ(decode(stored), slot);
}

TEST(Encode, flows_and_rules_survive_the_way_there_and_back) {
    for (const auto* ends : {"192.0.2.1:1", "[2001:db8::1]:1"}) {
        const FlowKey key{Proto::udp, SocketAddress::parse(ends, Proto::udp).value(),
                          SocketAddress::parse(ends, Proto::udp).value()};
        EXPECT_EQ(decode(encode(key)), key);
        FlowFacts flow;
        flow.target = contract::TARGET_DROP;
        flow.state = contract::FLOW_TIME_WAIT;
        flow.packets = 3;
        EXPECT_EQ(decode(encode(key), flow, TargetTable())->state, "TIME-WAIT");
        EXPECT_EQ(decode(encode(key), flow, TargetTable())->packets, 3U);
    }
    for (const auto closed : {ClosedPolicy::pass, ClosedPolicy::drop, ClosedPolicy::reject}) {
        for (const bool on : {false, true}) {
            const Settings settings{on ? Mode::enforce : Mode::monitor, closed, !on};
            EXPECT_EQ(decode(encode(settings)), settings);
        }
    }
}

}  // namespace
}  // namespace xdemux::test::encode_tables
