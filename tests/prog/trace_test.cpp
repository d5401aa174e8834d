// SPDX-License-Identifier: BSD-2-Clause
// A traced run tells each look-up and its answer, and leaves no other mark.
#include <cstring>

#include "support/expectation.h"

namespace xdemux::test::trace_test {
namespace {

class Trace : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }

    // Everything that a run can leave behind, but for flows.
    void expect_no_mark() {
        EXPECT_TRUE(program().reasons().empty());
        EXPECT_TRUE(program().all_ports().empty());
        EXPECT_TRUE(program().all_drops().empty());
        EXPECT_EQ(program().remembered_fragments(), 0U);
        EXPECT_EQ(program().reject_limit().last_ns, 0U);
    }

    trace expect_traced(const Packet& packet, const Expected& expected) {
        const std::uint64_t heard = program().listener(1).packets;
        const TracedRun run = program().run_traced(packet, program().settings().trace_key);
        EXPECT_EQ(run.action, expected.action);
        EXPECT_EQ(run.trace.reason, expected.reason);
        EXPECT_EQ(run.trace.verdict, expected.verdict);
        EXPECT_EQ(hex(run.frame), hex(packet.bytes())) << "the frame was changed";
        EXPECT_EQ(program().listener(1).packets, heard);
        expect_no_mark();
        return run.trace;
    }
};

TEST_F(Trace, LeavesEveryCounterLimiterAndTableAlone) {
    program().add_flow(PROTO_TCP, host_ipv4, 22, peer_ipv4, peer_port, TARGET_PASS);
    program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = TARGET_PASS, .id = 1}, FAMILY_DUAL);
    program().add_wildcard({.proto = PROTO_TCP, .port = 81, .target = TARGET_REJECT, .id = 1}, FAMILY_DUAL);
    expect_traced(tcp4(22), passes(REASON_FLOW));
    EXPECT_EQ(program().flow(PROTO_TCP, host_ipv4, 22, peer_ipv4, peer_port).packets, 0U);
    EXPECT_EQ(program().flow(PROTO_TCP, host_ipv4, 22, peer_ipv4, peer_port).last_seen_ns(), 0U);
    expect_traced(tcp4(80).syn(), passes(REASON_LISTENER_WILDCARD));
    expect_traced(tcp4(81).syn(), rejects(REASON_LISTENER_WILDCARD));
    expect_traced(tcp4(82).syn(), drops(REASON_CLOSED));
    expect_traced(ip4().fragment(1, 0, true).udp(peer_port, 53).set16(4, 900), drops(REASON_CLOSED));
    expect_traced(ip4().fragment(1, 800, true).protocol(17).payload(8), passes(REASON_FRAGMENT_ORPHAN));
    expect_traced(ip4().icmp(8, 0), passes(REASON_ICMP_OTHER));
    expect_traced(tcp4(80).set8(12, 0), drops(REASON_BAD_TCP));
    expect_traced(eth().ethertype(0x88cc).payload(46), passes(REASON_NOT_IP));
    expect_traced(tcp6(80, beyond_ipv6), passes(REASON_NOT_LOCAL));
}

TEST_F(Trace, TellsTheFactsOfThePacket) {
    const trace t =
        expect_traced(eth().vlan(7).ipv4(peer_ipv4, host_ipv4).options(2).udp(peer_port, 53), drops(REASON_CLOSED));
    EXPECT_EQ(t.local_port, 53);
    EXPECT_EQ(t.remote_port, peer_port);
    EXPECT_EQ(t.l3_offset, 18);
    EXPECT_EQ(t.l4_offset, 18 + 28);
    EXPECT_EQ(t.proto, PROTO_UDP);
    EXPECT_EQ(t.family, FAMILY_IPV4);
    EXPECT_EQ(t.action, VERDICT_DROP);
    EXPECT_EQ(t.listener, 0U);
    const trace six = expect_traced(ip6().hop_by_hop().tcp(peer_port, 80), drops(REASON_CLOSED));
    EXPECT_EQ(six.family, FAMILY_IPV6);
    EXPECT_EQ(six.proto, PROTO_TCP);
    EXPECT_EQ(six.l4_offset, 14 + 40 + 8);
}

TEST_F(Trace, TellsWhoAnsweredAndWhatWasAsked) {
    program().add_exact({.proto = PROTO_TCP, .port = 80, .target = TARGET_PASS, .id = 4}, "192.0.2.77");
    program().add_prefix({.proto = PROTO_TCP, .port = 80, .target = TARGET_REJECT, .id = 5}, "192.0.2.0", 24);
    program().add_flow(PROTO_TCP, host_ipv4, 80, peer_ipv4, 1, TARGET_PASS);
    const trace t = expect_traced(tcp4(80).syn(), rejects(REASON_LISTENER_PREFIX));
    EXPECT_EQ(t.listener, 5U);
    EXPECT_EQ(t.target, TARGET_REJECT);
    EXPECT_EQ(t.prefix_len, 24);
    EXPECT_EQ(t.answered & (STAGE_FLOW | STAGE_EXACT | STAGE_PREFIX), STAGE_PREFIX);
    EXPECT_EQ(t.asked & (STAGE_FLOW | STAGE_EXACT | STAGE_PREFIX), STAGE_FLOW | STAGE_EXACT | STAGE_PREFIX);
    EXPECT_EQ(t.asked & (STAGE_WILDCARD | STAGE_ALL_EXACT | STAGE_HOST), 0);
}

TEST_F(Trace, TellsWhichStepAnswered) {
    const auto answers = [&](const Packet& packet, reason reason) {
        return expect_traced(packet, passes(reason)).answered;
    };
    program().add_wildcard({.proto = PROTO_TCP, .port = 0, .target = TARGET_PASS, .id = 2}, FAMILY_DUAL);
    EXPECT_TRUE(answers(tcp4(80), REASON_LISTENER_ALL_PORTS) & STAGE_ALL_WILDCARD);
    program().add_prefix({.proto = PROTO_TCP, .port = 0, .target = TARGET_PASS, .id = 3}, "192.0.2.0", 24);
    EXPECT_TRUE(answers(tcp4(80), REASON_LISTENER_ALL_PORTS) & STAGE_ALL_PREFIX);
    program().add_exact({.proto = PROTO_TCP, .port = 0, .target = TARGET_PASS, .id = 4}, host_ipv4);
    EXPECT_TRUE(answers(tcp4(80), REASON_LISTENER_ALL_PORTS) & STAGE_ALL_EXACT);
    program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = TARGET_PASS, .id = 5}, FAMILY_DUAL);
    EXPECT_TRUE(answers(tcp4(80), REASON_LISTENER_WILDCARD) & STAGE_WILDCARD);
    program().add_exact({.proto = PROTO_TCP, .port = 80, .target = TARGET_PASS, .id = 6}, host_ipv4);
    EXPECT_TRUE(answers(tcp4(80), REASON_LISTENER_EXACT) & STAGE_EXACT);
    program().add_flow(PROTO_TCP, host_ipv4, 80, peer_ipv4, peer_port, TARGET_PASS);
    EXPECT_TRUE(answers(tcp4(80), REASON_FLOW) & STAGE_FLOW);
}

TEST_F(Trace, TellsThatTheHostWasAsked) {
    EXPECT_EQ(expect_traced(tcp4(80), drops(REASON_CLOSED)).asked & STAGE_HOST, 0);
    load(enforce(VERDICT_DROP, true));
    const trace t = expect_traced(tcp4(80), drops(REASON_CLOSED));
    EXPECT_TRUE(t.asked & STAGE_HOST);
    EXPECT_FALSE(t.answered & STAGE_HOST);
}

TEST_F(Trace, InMonitorModeTellsTheVerdictAndThatItWasNotCarriedOut) {
    load(monitor(VERDICT_REJECT));
    const trace t = expect_traced(tcp4(80).syn(), rejects(REASON_CLOSED).in_monitor_mode());
    EXPECT_EQ(t.action, VERDICT_PASS);
}

TEST_F(Trace, OfAJumboFrameWorksToo) {
    const trace t = expect_traced(udp4(53).payload(8000), drops(REASON_CLOSED));
    EXPECT_EQ(t.local_port, 53);
}

TEST_F(Trace, WithoutTheKeyDoesNothingAndThePacketCounts) {
    const Packet packet = tcp4(80).syn();
    for (const std::uint64_t key : {std::uint64_t{0}, std::uint64_t{~program().settings().trace_key}}) {
        const TracedRun run = program().run_traced(packet, key);
        EXPECT_EQ(run.action, XDP_DROP);
        trace untouched{};
        untouched.key = key;
        EXPECT_EQ(std::memcmp(&run.trace, &untouched, sizeof(untouched)), 0) << "the metadata was written to";
        EXPECT_EQ(hex(run.frame), hex(packet.bytes()));
    }
    const reason_counter row = program().reasons()[{REASON_CLOSED, VERDICT_DROP}];
    EXPECT_EQ(row.packets, 2U);
    EXPECT_EQ(row.bytes, 2 * packet.bytes().size());
    // Without metadata, once more, and what TearDown counts.
    expect(packet, drops(REASON_CLOSED).at(PROTO_TCP, 80));
    EXPECT_EQ(program().port({PROTO_TCP, 80}).packets, 3U);
    load(program().settings());  // their two are not expect()'s
}

}  // namespace
}  // namespace xdemux::test::trace_test
