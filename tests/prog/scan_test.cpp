// SPDX-License-Identifier: BSD-2-Clause
// Evidence of scans: who touched which closed endpoints, in a table that stays as small as it is made.
#include <bit>
#include <cstring>

#include <arpa/inet.h>

#include "support/expectation.h"
#include "support/socket.h"

namespace xdemux::test::scan_test {
namespace {

constexpr __u8 flag_syn = 0x02, flag_fin = 0x01, flag_ack = 0x10;
constexpr __u32 credit_max = 255;

// CLOCK_MONOTONIC_COARSE as the slots have it.
std::uint32_t scan_now() {
    return static_cast<std::uint32_t>((coarse_now_ns() >> 30U) + 1);
}

std::string text_of(const __u8 (&addr)[16], int family) {
    char text[INET6_ADDRSTRLEN] = {};
    ::inet_ntop(family == FAMILY_IPV6 ? AF_INET6 : AF_INET, addr, text, sizeof(text));
    return text;
}

// 10.0.0.0 and on: none of the test bed's.
std::string forged(std::uint32_t number) {
    const in_addr address{htonl(0x0a00'0000U + number)};
    char text[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &address, text, sizeof(text));
    return text;
}

Packet probe(std::string_view source, std::uint16_t port) {
    return eth().ipv4(source, host_ipv4).tcp(peer_port, port).syn();
}

class Scan : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }

    // A program whose slots are so many.
    void load_slots(std::uint32_t slots) {
        contract::settings settings = enforce(VERDICT_DROP);
        settings.scan_slots = slots;
        load(settings);
    }
    scanner only_scanner() {
        const auto taken = program().scanners();
        EXPECT_EQ(taken.size(), 1U);
        return taken.empty() ? scanner{} : taken.begin()->second;
    }
    // Whatever the budget of the jiffy: that has a test of its own.
    void run(const Packet& packet) {
        if (++runs_ % 1000 == 0) program().set_scan_budget({});
        ASSERT_EQ(program().run(packet).action, XDP_DROP);
    }
    void touch(std::string_view source, std::uint16_t port, int times = 1) {
        for (int i = 0; i < times; i++)
            run(probe(source, port));
    }
    // What run() did is none of expect()'s.
    void TearDown() override {}

  private:
    int runs_ = 0;
};

TEST_F(Scan, NotesWhoTouchedAClosedEndpointAndHow) {
    const std::uint32_t before = scan_now();
    expect(tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    const scanner seen = only_scanner();
    EXPECT_EQ(text_of(seen.addr, seen.family), peer_ipv4);
    EXPECT_EQ(seen.family, FAMILY_IPV4);
    EXPECT_EQ(seen.packets, 1U);
    EXPECT_EQ(seen.credit, 1U);
    EXPECT_EQ(seen.protocols, 1U << PROTO_TCP);
    EXPECT_EQ(seen.tcp_flags, flag_syn);
    EXPECT_GE(seen.first_seen, before);
    EXPECT_LE(seen.first_seen, scan_now());
    EXPECT_EQ(seen.last_seen, seen.first_seen);
    EXPECT_EQ(std::popcount(seen.endpoints[0]), 1);
    EXPECT_EQ(std::popcount(seen.addresses), 1);
}

TEST_F(Scan, OfIpv6HasTheWholeAddress) {
    expect(udp6(53), drops(REASON_CLOSED).at(PROTO_UDP, 53));
    const scanner seen = only_scanner();
    EXPECT_EQ(text_of(seen.addr, seen.family), peer_ipv6);
    EXPECT_EQ(seen.family, FAMILY_IPV6);
    EXPECT_EQ(seen.protocols, 1U << PROTO_UDP);
    EXPECT_EQ(seen.tcp_flags, 0U);
}

TEST_F(Scan, IsNotedWhateverBecomesOfThePacketAndOnBothLanes) {
    for (const auto& settings : {enforce(VERDICT_PASS), enforce(VERDICT_DROP), enforce(VERDICT_REJECT),
                                 enforce(VERDICT_DROP, true), monitor(VERDICT_REJECT)}) {
        load(settings);
        program().run(tcp4(80).syn());
        program().run(ip4().options(1).tcp(peer_port, 80).syn());  // not for the fast lane
        program().run(eth().vlan(7).ipv4(peer_ipv4, host_ipv4).tcp(peer_port, 80).syn());
        const scanner seen = only_scanner();
        EXPECT_EQ(seen.packets, 3U);
        EXPECT_EQ(std::popcount(seen.endpoints[0]), 1);
    }
}

TEST_F(Scan, IsOfClosedEndpointsAlone) {
    load(enforce(VERDICT_DROP, true));
    Socket server(AF_INET, SOCK_STREAM);
    server.bind(host_ipv4).listen();
    program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = TARGET_DROP, .id = 1}, FAMILY_DUAL);
    program().add_flow(PROTO_TCP, host_ipv4, 81, peer_ipv4, peer_port, TARGET_DROP);
    program().add_block("192.0.2.66", UINT64_MAX);
    program().set_blocking(UINT64_MAX);
    const std::vector<Case> cases = {
        {"a listener's", tcp4(80).syn(), drops(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 80).by(1)},
        {"a flow's", tcp4(81), drops(REASON_FLOW).at(PROTO_TCP, 81)},
        {"a socket's", tcp4(server.port()).syn(), passes(REASON_HOST_SOCKET).at(PROTO_TCP, server.port())},
        {"port zero", tcp4(0).syn(), drops(REASON_PORT_ZERO).at(PROTO_TCP, 0)},
        {"another host's", tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL)},
        {"a group's", ip4("224.0.0.251").udp(peer_port, 5353), passes(REASON_NOT_LOCAL)},
        {"a blocked source's", probe("192.0.2.66", 82), drops(REASON_SOURCE_BLOCKED).at(PROTO_TCP, 82)},
        {"malformed", tcp4(82).set8(12, 0), drops(REASON_BAD_TCP)},
        {"an ICMP error", ip4().icmp(3, 3).quoting(eth().ipv4(host_ipv4, peer_ipv4).udp(82, peer_port)),
         passes(REASON_ICMP_ERROR)},
        {"a later fragment", ip4().fragment(9, 808, false).protocol(17).payload(8), passes(REASON_FRAGMENT_ORPHAN)},
    };
    expect_all(cases);
    EXPECT_TRUE(program().scanners().empty());
}

TEST_F(Scan, CountsAnEndpointOnceAndItsProtocolsApart) {
    touch(peer_ipv4, 80, 3);
    EXPECT_EQ(only_scanner().packets, 3U);
    EXPECT_EQ(std::popcount(only_scanner().endpoints[0]), 1);
    program().run(udp4(80));
    EXPECT_EQ(std::popcount(only_scanner().endpoints[0]), 2);
    program().add_local("192.0.2.2");
    program().run(tcp4(80, "192.0.2.2").syn());
    const scanner seen = only_scanner();
    EXPECT_EQ(std::popcount(seen.endpoints[0]), 3);
    EXPECT_EQ(std::popcount(seen.addresses), 2);
    EXPECT_EQ(seen.protocols, 1U << PROTO_TCP | 1U << PROTO_UDP);
}

TEST_F(Scan, GathersTheFlags) {
    program().run(tcp4(80).syn());
    program().run(tcp4(80).fin());
    program().run(tcp4(81).ack(1));
    EXPECT_EQ(only_scanner().tcp_flags, flag_syn | flag_fin | flag_ack);
}

// Each resolution is a sample of the one before: one of 16, one of 256.
TEST_F(Scan, SamplesTheEndpointsOfALargeOne) {
    constexpr std::uint16_t ports = 4000;
    for (std::uint16_t port = 1; port <= ports; port++)
        run(probe(peer_ipv4, port));
    const scanner seen = only_scanner();
    EXPECT_EQ(seen.packets, ports);
    EXPECT_EQ(seen.endpoints[0], ~0ULL);
    EXPECT_EQ(seen.endpoints[1] & ~seen.endpoints[0], 0U);
    EXPECT_EQ(seen.endpoints[2] & ~seen.endpoints[1], 0U);
    // Expected are 64 * (1 - exp(-4000 / (64 * 16))) = 62.7 and 64 * (1 - exp(-4000 / (64 * 256))) = 13.9 bits.
    EXPECT_GE(std::popcount(seen.endpoints[1]), 58);
    EXPECT_GE(std::popcount(seen.endpoints[2]), 5);
    EXPECT_LE(std::popcount(seen.endpoints[2]), 24);
    EXPECT_EQ(std::popcount(seen.addresses), 1);
}

TEST_F(Scan, KeepsAPersistentSourceWhileForgedOnesRushThrough) {
    load_slots(1);
    for (std::uint32_t round = 0; round < 500; round++) {
        touch(peer_ipv4, 80, 2);
        touch(forged(round), 81);
    }
    const scanner seen = only_scanner();
    EXPECT_EQ(text_of(seen.addr, seen.family), peer_ipv4);
    EXPECT_EQ(seen.packets, 1000U);
    EXPECT_EQ(std::popcount(seen.endpoints[0]), 1);
}

TEST_F(Scan, GivesTheSlotAwayOnceItsCreditIsWornDown) {
    load_slots(1);
    touch(peer_ipv4, 80, 2000);
    EXPECT_EQ(only_scanner().credit, credit_max);
    for (std::uint32_t other = 0; other < credit_max; other++)
        touch(forged(other), 81);
    EXPECT_EQ(only_scanner().credit, 0U);
    EXPECT_EQ(text_of(only_scanner().addr, FAMILY_IPV4), peer_ipv4);
    program().run(eth().ipv4(forged(7), host_ipv4).udp(peer_port, 81));
    const scanner next = only_scanner();
    EXPECT_EQ(text_of(next.addr, next.family), forged(7));
    EXPECT_EQ(next.packets, 1U);
    EXPECT_EQ(next.credit, 1U);
    EXPECT_EQ(next.protocols, 1U << PROTO_UDP);
    EXPECT_EQ(next.tcp_flags, 0U);
    EXPECT_EQ(std::popcount(next.endpoints[0]), 1);
    EXPECT_LE(std::popcount(next.endpoints[1] | next.endpoints[2]), 1);
    EXPECT_EQ(std::popcount(next.addresses), 1);
}

TEST_F(Scan, StaysWithinItsSlotsWhateverTheNumberOfSources) {
    constexpr std::uint32_t slots = 256;
    load_slots(slots);
    for (std::uint32_t source = 0; source < 20'000; source++)
        touch(forged(source), 80);
    const auto taken = program().scanners();
    EXPECT_EQ(taken.size(), slots) << "the sources are not spread over the slots";
    EXPECT_LT(taken.rbegin()->first, slots);
}

TEST_F(Scan, PutsASourceIntoASlotThatTheKeyDecides) {
    touch(peer_ipv4, 80);
    const std::uint32_t slot = program().scanners().begin()->first;
    contract::settings settings = enforce(VERDICT_DROP);
    settings.hash_key = 0x2545'f491'4f6c'dd1d;
    load(settings);
    touch(peer_ipv4, 80);
    EXPECT_NE(program().scanners().begin()->first, slot);
}

TEST_F(Scan, OfAFloodIsNotedAsFarAsTheBudgetOfAJiffyGoesAndTheRestCounted) {
    touch(peer_ipv4, 80);
    const __u64 used = program().scan_budget().touches;
    EXPECT_EQ(used, 1U);
    // The budget of this jiffy is used up, unless the next one has begun meanwhile; so what takes long stands outside.
    ASSERT_TRUE(wait_until([&] {
        const std::uint32_t noted = only_scanner().packets;
        touch(peer_ipv4, 80);
        scan_budget budget = program().scan_budget();
        budget.touches = SCAN_TOUCHES_MAX;
        program().set_scan_budget(budget);
        touch(peer_ipv4, 80);
        return program().scan_budget().skipped == 1 && only_scanner().packets == noted + 1;
    }));
    wait_for_next_jiffy();
    const std::uint32_t noted = only_scanner().packets;
    touch(peer_ipv4, 80);
    EXPECT_EQ(only_scanner().packets, noted + 1);
    EXPECT_EQ(program().scan_budget().skipped, 1U);
}

TEST_F(Scan, SwitchedOffNotesNothing) {
    load_slots(0);
    touch(peer_ipv4, 80);
    program().run(ip4().options(1).tcp(peer_port, 80).syn());
    EXPECT_TRUE(program().scanners().empty());
}

TEST_F(Scan, TakesNoNoticeOfATracedRun) {
    EXPECT_EQ(program().run_traced(tcp4(80).syn(), program().settings().trace_key).trace.reason, REASON_CLOSED);
    EXPECT_TRUE(program().scanners().empty());
    EXPECT_EQ(program().scan_budget().touches, 0U);
}

}  // namespace
}  // namespace xdemux::test::scan_test
