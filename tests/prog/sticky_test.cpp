// SPDX-License-Identifier: BSD-2-Clause
// Sticky groups: which packets leave a flow with their member, that it stays there whatever becomes of the group, how
// it ends, and what happens where there is no room.
#include <algorithm>
#include <map>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "support/expectation.h"

namespace xdemux::test::sticky_test {
namespace {

constexpr std::uint16_t port = 443;
constexpr std::uint32_t group = 20;
constexpr std::uint32_t before = 21, after = 22;
constexpr std::uint32_t listener = 3;

contract::target row(target_kind kind, bool sticky = false) {
    contract::target row{};
    row.kind = kind;
    row.fallback = TARGET_DROP;
    row.count = 1;
    row.queue = 16;
    row.sticky = sticky ? 1 : 0;
    return row;
}

class Sticky : public ::testing::Test {
  protected:
    explicit Sticky(const contract::settings& settings = enforce()) : program_(Program::shared(settings)) {
        program_.add_local(host_ipv4);
        program_.add_local(host_ipv6);
        for (const auto proto : {PROTO_TCP, PROTO_UDP})
            program_.add_wildcard({.proto = proto, .port = port, .target = TARGET_STEER, .id = listener}, FAMILY_DUAL);
        program_.set_listener_target(listener, group);
        program_.add_cpu(0);
        program_.set_target(group, row(TARGET_GROUP, true));
        for (const std::uint32_t member : {before, after})
            program_.set_target(member, row(TARGET_CPU));
        all_to(before);
    }

    Program& program() { return program_; }

    void all_to(std::uint32_t member) {
        program_.set_group(group, [=](std::uint32_t) { return member; });
    }

    /// The member that the packet went to; 0: none.
    std::uint32_t member_of(const Packet& packet) {
        const auto counts = [&] {
            return std::map<std::uint32_t, std::uint64_t>{{before, program_.target_count(before).packets},
                                                          {after, program_.target_count(after).packets}};
        };
        const auto present = counts();
        const int action = program_.run(packet).action;
        for (const auto& [member, packets] : counts())
            if (packets != present.at(member)) return action == XDP_REDIRECT ? member : 0;
        return 0;
    }

    [[nodiscard]] std::uint64_t flows() {
        return program_.flow_memory().store(FAMILY_IPV4).size() + program_.flow_memory().store(FAMILY_IPV6).size();
    }
    [[nodiscard]] FlowFacts flow(proto proto, bool ipv6) {
        return program_.flow(proto, ipv6 ? host_ipv6 : host_ipv4, port, ipv6 ? peer_ipv6 : peer_ipv4, peer_port);
    }

    const std::vector<Packet> tcp{tcp4(port), tcp6(port)}, udp{udp4(port), udp6(port)};

  private:
    Program& program_;
};

TEST_F(Sticky, ALiveFlowStaysWhereItIs) {
    for (const bool ipv6 : {false, true}) {
        all_to(before);
        EXPECT_EQ(member_of(tcp[ipv6].syn()), before);
        EXPECT_EQ(member_of(tcp[ipv6].ack(1)), before);
        EXPECT_EQ(member_of(udp[ipv6]), before);
        all_to(after);
        EXPECT_EQ(member_of(tcp[ipv6].ack(2).payload(100)), before);
        EXPECT_EQ(member_of(udp[ipv6].payload(5)), before);
        EXPECT_EQ(flow(PROTO_TCP, ipv6).state, FLOW_STICKY);
        EXPECT_EQ(flow(PROTO_TCP, ipv6).target, before);
        EXPECT_EQ(flow(PROTO_TCP, ipv6).packets, 1U) << "those that the table answered for";
    }
    EXPECT_EQ(program().flows_of_port({PROTO_TCP, port}), 2U);
    EXPECT_EQ(program().flows_of_port({PROTO_UDP, port}), 2U);
    EXPECT_EQ(flows(), 4U);
}

TEST_F(Sticky, NewFlowsGoToTheNewMembers) {
    EXPECT_EQ(member_of(udp4(port)), before);
    all_to(after);
    EXPECT_EQ(member_of(eth().ipv4(peer_ipv4, host_ipv4).udp(7, port)), after);
}

// What has no acknowledgement is no connection: a flood of SYNs leaves nothing.
TEST_F(Sticky, OnlyAnEstablishedConnectionLeavesAFlow) {
    for (const Packet& packet : tcp)
        for (const Packet& each : {packet.syn(), packet.syn().ack(1), packet.rst(), packet.ack(1).fin(), packet.fin()})
            EXPECT_EQ(member_of(each), before);
    EXPECT_EQ(flows(), 0U);
    EXPECT_EQ(program().flows_of_port({PROTO_TCP, port}), 0U);
}

TEST_F(Sticky, AGroupThatIsNotLeavesNoFlow) {
    program().set_target(group, row(TARGET_GROUP, false));
    EXPECT_EQ(member_of(udp4(port)), before);
    EXPECT_EQ(flows(), 0U);
}

TEST_F(Sticky, AFlowEndsWithFinOrRstAndLivesAgainWithSyn) {
    for (const bool ipv6 : {false, true}) {
        const Packet& packet = tcp[ipv6];
        member_of(packet.ack(1));
        all_to(after);
        for (const Packet& last : {packet.ack(2).fin(), packet.rst()}) {
            EXPECT_EQ(member_of(last), before);
            EXPECT_EQ(flow(PROTO_TCP, ipv6).state, FLOW_STICKY_ENDED);
            EXPECT_EQ(member_of(packet.ack(3)), before) << "the last acknowledgement has to get there";
            EXPECT_EQ(flow(PROTO_TCP, ipv6).state, FLOW_STICKY_ENDED);
            EXPECT_EQ(member_of(packet.syn()), before);
            EXPECT_EQ(flow(PROTO_TCP, ipv6).state, FLOW_STICKY);
        }
        all_to(before);
    }
}

TEST_F(Sticky, AFlowOfPassOrDropStaysToo) {
    all_to(TARGET_DROP);
    EXPECT_EQ(program().run(udp4(port)).action, XDP_DROP);
    all_to(TARGET_PASS);
    EXPECT_EQ(program().run(udp4(port)).action, XDP_DROP);
    EXPECT_EQ(flow(PROTO_UDP, false).target, TARGET_DROP);
}

TEST_F(Sticky, WhatFallsBackIsNotKept) {
    program().set_target(before, row(TARGET_XSK));  // nobody is registered
    EXPECT_EQ(program().run(udp4(port)).action, XDP_DROP);
    EXPECT_EQ(flows(), 0U);
}

TEST_F(Sticky, ATraceLeavesNoFlow) {
    const auto traced = program().run_traced(udp4(port), program().settings().trace_key);
    EXPECT_EQ(traced.trace.verdict, VERDICT_STEER);
    EXPECT_EQ(flows(), 0U);
    EXPECT_EQ(program().flows_of_port({PROTO_UDP, port}), 0U);
}

TEST_F(Sticky, WhatFindsNoRoomGoesOnAndIsCounted) {
    for (const unsigned family : {FAMILY_IPV4, FAMILY_IPV6}) {
        const FlowMemory& memory = program().flow_memory();
        flow_key key{};
        key.family = static_cast<__u8>(family);
        key.local_port = 9;
        key.local_addr[0] = 10;
        // So many that every line gets more than it holds, and those that live elsewhere too.
        for (std::uint32_t i = 1; i <= 20'000; i++) {
            std::copy_n(reinterpret_cast<const __u8*>(&i), sizeof i, key.remote_addr);
            key.remote_port = static_cast<__u16>(i);
            try {
                memory.put(key, {});
            } catch (const std::runtime_error&) {
            }
        }
        const auto unkept = program().target_count(group).unkept_packets;
        EXPECT_EQ(member_of(udp[family]), before);
        EXPECT_EQ(program().target_count(group).unkept_packets, unkept + 1);
        all_to(after);
        EXPECT_EQ(member_of(udp[family]), after) << "it was not kept";
        all_to(before);
        EXPECT_EQ(program().flows_of_port({PROTO_UDP, port}), 0U);
    }
}

TEST_F(Sticky, InMonitorModeFlowsAreKeptForTheDayItEnforces) {
    Program& program = Program::shared(monitor());
    program.add_local(host_ipv4);
    program.add_wildcard({.proto = PROTO_UDP, .port = port, .target = TARGET_STEER, .id = listener}, FAMILY_DUAL);
    program.set_listener_target(listener, group);
    program.add_cpu(0);
    program.set_target(group, row(TARGET_GROUP, true));
    program.set_target(before, row(TARGET_CPU));
    program.set_group(group, [](std::uint32_t) { return before; });
    EXPECT_EQ(program.run(udp4(port)).action, XDP_PASS);
    EXPECT_EQ(program.flow(PROTO_UDP, host_ipv4, port, peer_ipv4, peer_port).target, before);
}

}  // namespace
}  // namespace xdemux::test::sticky_test
