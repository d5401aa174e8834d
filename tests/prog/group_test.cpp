// SPDX-License-Identifier: BSD-2-Clause
// Groups in the data path: who gets which flows, that a table is swapped whole, and what happens where nobody takes
// any. Members are told apart by their counters.
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <xdemux/policy/maglev.h>

#include "support/expectation.h"

namespace xdemux::test::group_test {
namespace {

constexpr std::uint16_t port = 53;
constexpr std::uint32_t group = 20, first_member = 21;
constexpr std::uint32_t listener = 3;

contract::target cpu_target(target_kind fallback = TARGET_PASS) {
    contract::target row{};
    row.kind = TARGET_CPU;
    row.fallback = fallback;
    row.count = 1;
    row.queue = 16;
    return row;
}

contract::target group_target(target_kind fallback = TARGET_PASS) {
    contract::target row{};
    row.kind = TARGET_GROUP;
    row.fallback = fallback;
    return row;
}

using Weights = std::map<std::uint16_t, std::uint32_t>;

/// By place the number of who has it; empty where nobody has a weight.
std::vector<std::uint16_t> table_of(const Weights& weights) {
    std::vector<std::string> names;
    names.reserve(weights.size());
    std::vector<MaglevMember> members;
    std::vector<std::uint16_t> numbers;
    for (const auto& [number, weight] : weights) {
        members.push_back({names.emplace_back(fmt::format("member {}", number)), weight});
        numbers.push_back(number);
    }
    std::vector<std::uint16_t> table;
    for (const std::uint16_t index : maglev_table(members))
        table.push_back(numbers[index]);
    return table;
}

Packet udp_from(std::uint32_t address, std::uint16_t from) {
    const std::string source =
        fmt::format("10.{}.{}.{}", address >> 16U & 0xffU, address >> 8U & 0xffU, address & 0xffU);
    return eth().ipv4(source, host_ipv4).udp(from, port).payload(10);
}

Packet udp6_from(std::uint32_t address, std::uint16_t from) {
    return eth()
        .ipv6(fmt::format("2001:db8:f::{:x}:{:x}", address >> 16U, address & 0xffffU), host_ipv6)
        .udp(from, port)
        .payload(10);
}

class Group : public ProgTest {
  protected:
    void SetUp() override { set_up(enforce()); }

    void set_up(const contract::settings& settings) {
        load(settings);
        for (const auto proto : {PROTO_TCP, PROTO_UDP})
            program().add_wildcard({.proto = proto, .port = port, .target = TARGET_STEER, .id = listener}, FAMILY_DUAL);
        program().set_listener_target(listener, group);
        program().add_cpu(0);
        program().set_target(group, group_target());
    }

    void set_members(const Weights& weights) {
        for (const auto& [number, weight] : weights)
            if (number >= TARGET_FIRST) program().set_target(number, cpu_target());
        set_table(weights);
    }
    void set_table(const Weights& weights) {
        const auto table = table_of(weights);
        program().set_group(group, [&](std::uint32_t place) { return table.empty() ? 0U : table[place]; });
    }

    [[nodiscard]] std::uint64_t packets(std::uint32_t number) { return program().target_count(number).packets; }

    /// Of the packets, members have their shares to five standard deviations of a binomial draw.
    void expect_spread(const Weights& weights, const std::vector<Packet>& sent) {
        set_members(weights);
        std::map<std::uint16_t, std::uint64_t> before;
        double total = 0;
        for (const auto& [number, weight] : weights) {
            before[number] = packets(number);
            total += weight;
        }
        for (const Packet& packet : sent)
            ASSERT_EQ(program().run(packet).action, XDP_REDIRECT);
        for (const auto& [number, weight] : weights) {
            const double share = weight / total, count = static_cast<double>(sent.size());
            EXPECT_NEAR(static_cast<double>(packets(number) - before[number]), share * count,
                        5 * std::sqrt(count * share * (1 - share)))
                << "member " << number << " of weight " << weight;
        }
    }

    // Not by expectation.h: its check of every counter is too slow for thousands of packets.
    void TearDown() override {}
};

const Weights one_to_four{{21, 1}, {22, 2}, {23, 3}, {24, 4}};

TEST_F(Group, SpreadsRandomFlowsByWeight) {
    std::mt19937 random;
    std::vector<Packet> sent;
    for (int i = 0; i < 10'000; i++)
        sent.push_back(udp_from(static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(random() | 1U)));
    expect_spread(one_to_four, sent);
}

TEST_F(Group, SpreadsRandomIpv6FlowsByWeight) {
    std::mt19937 random;
    std::vector<Packet> sent;
    for (int i = 0; i < 10'000; i++)
        sent.push_back(udp6_from(static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(random() | 1U)));
    expect_spread(one_to_four, sent);
}

// Nor does it matter that flows differ in a few bits alone: one client's ports, and neighbours on one port.
TEST_F(Group, SpreadsFlowsThatAreAlikeByWeight) {
    std::vector<Packet> ports, neighbours;
    for (std::uint16_t i = 0; i < 10'000; i++) {
        ports.push_back(udp_from(1, static_cast<std::uint16_t>(32'768 + i)));
        neighbours.push_back(udp_from(i, 40'000));
    }
    expect_spread(one_to_four, ports);
    expect_spread(one_to_four, neighbours);
}

TEST_F(Group, EveryPacketOfAFlowGoesToOneMember) {
    set_members({{21, 1}, {22, 1}, {23, 1}, {24, 1}});
    for (const Packet& flow : {tcp4(port), tcp6(port)}) {
        std::map<std::uint32_t, std::uint64_t> before;
        for (std::uint32_t number = first_member; number < first_member + 4; number++)
            before[number] = packets(number);
        const std::vector<Packet> sent{flow.syn(), flow.ack(1), flow.ack(2).payload(500), flow.ack(3).fin(),
                                       flow.rst()};
        for (const Packet& packet : sent)
            EXPECT_EQ(program().run(packet).action, XDP_REDIRECT);
        std::vector<std::uint64_t> got;
        for (const auto& [number, count] : before)
            if (packets(number) != count) got.push_back(packets(number) - count);
        EXPECT_EQ(got, std::vector<std::uint64_t>{sent.size()});
    }
}

TEST_F(Group, AFragmentedDatagramGoesToOneMember) {
    set_members({{21, 1}, {22, 1}, {23, 1}, {24, 1}});
    for (std::uint16_t id = 1; id <= 20; id++) {
        const Packet whole = eth().ipv4(peer_ipv4, host_ipv4).fragment(id, 0, true).udp(id, port).payload(24);
        const Packet later = eth().ipv4(peer_ipv4, host_ipv4).fragment(id, 32, false).protocol(17).payload(24);
        std::map<std::uint32_t, std::uint64_t> before;
        for (std::uint32_t number = first_member; number < first_member + 4; number++)
            before[number] = packets(number);
        EXPECT_EQ(program().run(whole).action, XDP_REDIRECT);
        EXPECT_EQ(program().run(later).action, XDP_REDIRECT);
        for (const auto& [number, count] : before)
            EXPECT_TRUE(packets(number) == count || packets(number) == count + 2) << "datagram " << id;
    }
}

TEST_F(Group, ATableIsSwappedWhole) {
    set_members({{21, 1}});
    for (std::uint16_t i = 1; i <= 100; i++)
        program().run(udp_from(i, i));
    set_members({{22, 1}});
    for (std::uint16_t i = 1; i <= 100; i++)
        program().run(udp_from(i, i));
    EXPECT_EQ(packets(21), 100U);
    EXPECT_EQ(packets(22), 100U);
}

TEST_F(Group, WhoDrainsGetsNoFlows) {
    set_members({{21, 1}, {22, 0}, {23, 1}});
    for (std::uint16_t i = 1; i <= 1000; i++)
        program().run(udp_from(i, i));
    EXPECT_EQ(packets(22), 0U);
    EXPECT_EQ(packets(21) + packets(23), 1000U);
}

TEST_F(Group, NobodyWhoTakesFlowsIsTheGroupsFallback) {
    program().set_target(group, group_target(TARGET_DROP));
    for (const bool emptied : {false, true}) {
        if (emptied) set_members({{21, 0}});  // before: a group without any table
        const auto before = program().target_count(group).fallback_packets;
        expect(udp4(port), drops(REASON_TARGET_FALLBACK).at(PROTO_UDP, port).by(listener));
        EXPECT_EQ(program().target_count(group).fallback_packets, before + 1);
    }
}

TEST_F(Group, AMemberThatCannotActIsItsOwnFallback) {
    contract::target gone{};
    gone.kind = TARGET_DEV;
    gone.fallback = TARGET_REJECT;
    gone.first = 1U << 20U;  // no such interface
    program().set_target(21, gone);
    set_table({{21, 1}});
    EXPECT_EQ(program().run(udp4(port)).action, XDP_TX);
    EXPECT_EQ(program().target_count(21).fallback_packets, 1U);
    EXPECT_EQ(program().target_count(group).fallback_packets, 0U);
}

TEST_F(Group, MembersMayBePassDropOrReject) {
    const std::map<target_kind, Expected> each{{TARGET_PASS, passes(REASON_LISTENER_WILDCARD)},
                                               {TARGET_DROP, drops(REASON_LISTENER_WILDCARD)},
                                               {TARGET_REJECT, rejects(REASON_LISTENER_WILDCARD)}};
    for (const auto& [kind, expected] : each) {
        set_table({{static_cast<std::uint16_t>(kind), 1}});
        expect(udp4(port), expected.at(PROTO_UDP, port).by(listener));
    }
}

TEST_F(Group, MonitorModeSteersNothing) {
    set_up(monitor());
    set_members({{21, 1}});
    EXPECT_EQ(program().run(udp4(port)).action, XDP_PASS);
    EXPECT_EQ(packets(21), 0U);
}

}  // namespace
}  // namespace xdemux::test::group_test
