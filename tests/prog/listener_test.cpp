// SPDX-License-Identifier: BSD-2-Clause
// Precedence: each step of the look-up against its neighbours, in both families. The winner is told by its id and its
// target.
#include "support/expectation.h"

namespace xdemux::test::listener_test {
namespace {

constexpr std::uint16_t port = 8080;

Expected heard(reason reason, std::uint32_t id, target_kind target = TARGET_PASS) {
    const Expected verdict = target == TARGET_PASS   ? passes(reason)
                             : target == TARGET_DROP ? drops(reason)
                                                     : rejects(reason);
    return verdict.at(PROTO_TCP, port).by(id);
}

Entry entry(std::uint32_t id, std::uint32_t ifindex = 0) {
    return {.proto = PROTO_TCP, .port = port, .target = TARGET_PASS, .id = id, .ifindex = ifindex};
}

Entry all_ports(std::uint32_t id, std::uint32_t ifindex = 0) {
    return {.proto = PROTO_TCP, .port = 0, .target = TARGET_PASS, .id = id, .ifindex = ifindex};
}

// What is not heard is dropped, so that nothing passes by chance.
class Listener : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }

    // Twice: by the tables, and by what the program remembers of them.
    void expect_both(const Expected& expected, std::uint32_t ifindex) {
        for (int i = 0; i < 2; i++) {
            expect(syn4, expected, ifindex);
            expect(syn6, expected, ifindex);
        }
    }

    void expect_heard(reason reason, std::uint32_t id, std::uint32_t ifindex = 0) {
        expect_both(heard(reason, id), ifindex);
    }

    void expect_closed(std::uint32_t ifindex = 0) { expect_both(drops(REASON_CLOSED).at(PROTO_TCP, port), ifindex); }

    void add_exact(const Entry& entry) {
        program().add_exact(entry, host_ipv4);
        program().add_exact(entry, host_ipv6);
    }

    void add_prefix(const Entry& entry, std::uint32_t bits4, std::uint32_t bits6) {
        program().add_prefix(entry, "192.0.2.0", bits4);
        program().add_prefix(entry, "2001:db8::", bits6);
    }

    const Packet syn4 = tcp4(port).syn(), syn6 = tcp6(port).syn();
    const std::uint32_t here = Testbed::get().ifindex(), elsewhere = Testbed::get().other_ifindex();
};

TEST_F(Listener, StepsWinOverEachStepBehindThem) {
    // From the last step to the first: each that is added takes the packet from all before it.
    expect_closed();
    program().add_wildcard(all_ports(1), FAMILY_DUAL);
    expect_heard(REASON_LISTENER_ALL_PORTS, 1);
    program().add_wildcard(all_ports(2, here), FAMILY_DUAL);
    expect_heard(REASON_LISTENER_ALL_PORTS, 2);
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        program().add_wildcard(all_ports(3), family);
    expect_heard(REASON_LISTENER_ALL_PORTS, 3);
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        program().add_wildcard(all_ports(4, here), family);
    expect_heard(REASON_LISTENER_ALL_PORTS, 4);
    add_prefix(all_ports(5), 24, 64);
    expect_heard(REASON_LISTENER_ALL_PORTS, 5);
    add_prefix(all_ports(6, here), 24, 64);
    expect_heard(REASON_LISTENER_ALL_PORTS, 6);
    add_exact(all_ports(7));
    expect_heard(REASON_LISTENER_ALL_PORTS, 7);
    add_exact(all_ports(8, here));
    expect_heard(REASON_LISTENER_ALL_PORTS, 8);
    program().add_wildcard(entry(11), FAMILY_DUAL);
    expect_heard(REASON_LISTENER_WILDCARD, 11);
    program().add_wildcard(entry(12, here), FAMILY_DUAL);
    expect_heard(REASON_LISTENER_WILDCARD, 12);
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        program().add_wildcard(entry(13), family);
    expect_heard(REASON_LISTENER_WILDCARD, 13);
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        program().add_wildcard(entry(14, here), family);
    expect_heard(REASON_LISTENER_WILDCARD, 14);
    add_prefix(entry(15), 24, 64);
    expect_heard(REASON_LISTENER_PREFIX, 15);
    add_prefix(entry(16, here), 24, 64);
    expect_heard(REASON_LISTENER_PREFIX, 16);
    add_prefix(entry(17), 25, 65);
    expect_heard(REASON_LISTENER_PREFIX, 17);
    add_exact(entry(18));
    expect_heard(REASON_LISTENER_EXACT, 18);
    add_exact(entry(19, here));
    expect_heard(REASON_LISTENER_EXACT, 19);
    program().add_flow(PROTO_TCP, host_ipv4, port, peer_ipv4, peer_port, TARGET_PASS);
    program().add_flow(PROTO_TCP, host_ipv6, port, peer_ipv6, peer_port, TARGET_PASS);
    expect(syn4, passes(REASON_FLOW).at(PROTO_TCP, port));
    expect(syn6, passes(REASON_FLOW).at(PROTO_TCP, port));
    // Another remote port is not that flow's.
    expect(ip4().tcp(peer_port + 1, port).syn(), heard(REASON_LISTENER_EXACT, 19));
    expect(ip6().tcp(peer_port + 1, port).syn(), heard(REASON_LISTENER_EXACT, 19));
}

TEST_F(Listener, BoundToAnotherDeviceHearsNothing) {
    add_exact(entry(1, elsewhere));
    add_prefix(entry(2, elsewhere), 24, 64);
    program().add_wildcard(entry(3, elsewhere), FAMILY_DUAL);
    program().add_wildcard(entry(4, elsewhere), FAMILY_IPV4);
    program().add_wildcard(entry(4, elsewhere), FAMILY_IPV6);
    program().add_wildcard(all_ports(5, elsewhere), FAMILY_DUAL);
    expect_closed();
    expect_heard(REASON_LISTENER_EXACT, 1, elsewhere);
}

TEST_F(Listener, UnboundHearsEveryDevice) {
    program().add_wildcard(entry(1), FAMILY_DUAL);
    expect_heard(REASON_LISTENER_WILDCARD, 1, here);
    expect_heard(REASON_LISTENER_WILDCARD, 1, elsewhere);
}

TEST_F(Listener, OfALongerPrefixWinsBoundOrNot) {
    add_prefix(entry(1, here), 16, 48);
    add_prefix(entry(2), 24, 64);
    expect_heard(REASON_LISTENER_PREFIX, 2);
    add_prefix(entry(3, here), 25, 65);
    expect_heard(REASON_LISTENER_PREFIX, 3);
    add_prefix(entry(4), 25, 65);
    expect_heard(REASON_LISTENER_PREFIX, 3);
    expect_heard(REASON_LISTENER_PREFIX, 4, elsewhere);
}

TEST_F(Listener, OfAPrefixHearsNothingOutsideIt) {
    program().add_prefix(entry(1), "198.51.100.0", 24);
    program().add_prefix(entry(1), "2001:db8:1::", 48);
    expect_closed();
    expect(tcp4(port, "198.51.100.0").syn(), heard(REASON_LISTENER_PREFIX, 1));
    expect(tcp4(port, "198.51.100.255").syn(), heard(REASON_LISTENER_PREFIX, 1));
    expect(tcp4(port, "198.51.101.0").syn(), passes(REASON_NOT_LOCAL));
    expect(tcp6(port, "2001:db8:1:ffff::1").syn(), heard(REASON_LISTENER_PREFIX, 1));
    expect(tcp6(port, "2001:db8:2::").syn(), passes(REASON_NOT_LOCAL));
}

TEST_F(Listener, OfTheWholeAddressSpaceIsAPrefixToo) {
    program().add_prefix(entry(1), "0.0.0.0", 0);
    program().add_prefix(entry(1), "::", 0);
    expect_heard(REASON_LISTENER_PREFIX, 1);
    expect(tcp4(port, beyond_ipv4).syn(), heard(REASON_LISTENER_PREFIX, 1));
}

TEST_F(Listener, OfOneFamilyLeavesTheOtherAlone) {
    program().add_wildcard(entry(4), FAMILY_IPV4);
    expect(syn4, heard(REASON_LISTENER_WILDCARD, 4));
    expect(syn6, drops(REASON_CLOSED).at(PROTO_TCP, port));
    program().add_wildcard(entry(6), FAMILY_IPV6);
    expect(syn4, heard(REASON_LISTENER_WILDCARD, 4));
    expect(syn6, heard(REASON_LISTENER_WILDCARD, 6));
}

TEST_F(Listener, OfItsFamilyWinsOverADualStackOneInEitherOrder) {
    program().add_wildcard(entry(1), FAMILY_IPV4);
    program().add_wildcard(entry(2), FAMILY_DUAL);
    expect(syn4, heard(REASON_LISTENER_WILDCARD, 1));
    expect(syn6, heard(REASON_LISTENER_WILDCARD, 2));
    // Even over one that is bound to the device.
    program().add_wildcard(entry(3, here), FAMILY_DUAL);
    expect(syn4, heard(REASON_LISTENER_WILDCARD, 1));
    expect(syn6, heard(REASON_LISTENER_WILDCARD, 3));
}

TEST_F(Listener, BoundAndDualStackNeedsNoUnboundOne) {
    program().add_wildcard(entry(1, here), FAMILY_DUAL);
    expect_heard(REASON_LISTENER_WILDCARD, 1);
    expect_closed(elsewhere);
}

TEST_F(Listener, OfOneProtocolLeavesTheOtherAlone) {
    program().add_wildcard(entry(1), FAMILY_DUAL);
    add_exact(entry(2));
    program().add_wildcard(all_ports(3), FAMILY_DUAL);
    expect(udp4(port), drops(REASON_CLOSED).at(PROTO_UDP, port));
    expect(udp6(port), drops(REASON_CLOSED).at(PROTO_UDP, port));
    program().add_wildcard({.proto = PROTO_UDP, .port = port, .target = TARGET_PASS, .id = 9}, FAMILY_DUAL);
    expect(udp4(port), passes(REASON_LISTENER_WILDCARD).at(PROTO_UDP, port).by(9));
    expect(udp6(port), passes(REASON_LISTENER_WILDCARD).at(PROTO_UDP, port).by(9));
}

TEST_F(Listener, OfOnePortLeavesTheNextAlone) {
    program().add_wildcard(entry(1), FAMILY_DUAL);
    add_exact(entry(2));
    add_prefix(entry(3), 24, 64);
    for (const std::uint16_t other : std::initializer_list<std::uint16_t>{port - 1, port + 1, 1, 65535})
        expect(tcp4(other).syn(), drops(REASON_CLOSED).at(PROTO_TCP, other));
}

TEST_F(Listener, OnAllPortsHearsTheFirstAndTheLast) {
    program().add_wildcard(all_ports(1), FAMILY_DUAL);
    for (const std::uint16_t number : std::initializer_list<std::uint16_t>{1, 22, 65535}) {
        expect(tcp4(number).syn(), passes(REASON_LISTENER_ALL_PORTS).at(PROTO_TCP, number).by(1));
        expect(tcp6(number).syn(), passes(REASON_LISTENER_ALL_PORTS).at(PROTO_TCP, number).by(1));
    }
}

TEST_F(Listener, OnAnAddressOfAllPortsYieldsToAWildcardOnThePort) {
    add_exact(all_ports(1));
    program().add_wildcard(entry(2), FAMILY_DUAL);
    expect_heard(REASON_LISTENER_WILDCARD, 2);
    expect(tcp4(port + 1).syn(), passes(REASON_LISTENER_ALL_PORTS).at(PROTO_TCP, port + 1).by(1));
}

TEST_F(Listener, HintThatFindsNothingFallsToTheNextStep) {
    program().add_exact(entry(1), "192.0.2.77");
    program().add_exact(entry(1), "2001:db8::77");
    add_prefix(entry(2, elsewhere), 24, 64);
    expect_closed();
    program().add_wildcard(all_ports(3), FAMILY_DUAL);
    expect_heard(REASON_LISTENER_ALL_PORTS, 3);
    program().add_wildcard(entry(4), FAMILY_DUAL);
    expect_heard(REASON_LISTENER_WILDCARD, 4);
}

TEST_F(Listener, NamesAnAddressThatIsNotThisHosts) {
    Entry drop = entry(1);
    drop.target = TARGET_DROP;
    program().add_exact(drop, beyond_ipv4);
    program().add_prefix(drop, "2001:db8:bb::", 48);
    Entry everything = all_ports(2);
    everything.target = TARGET_DROP;
    program().add_exact(everything, "203.0.113.6");
    expect(tcp4(port, beyond_ipv4).syn(), heard(REASON_LISTENER_EXACT, 1, TARGET_DROP));
    expect(tcp6(port, beyond_ipv6).syn(), heard(REASON_LISTENER_PREFIX, 1, TARGET_DROP));
    expect(tcp4(port, "203.0.113.6").syn(), heard(REASON_LISTENER_ALL_PORTS, 2, TARGET_DROP));
    expect(tcp4(port, "203.0.113.7").syn(), passes(REASON_NOT_LOCAL));
}

TEST_F(Listener, OfAWildcardSpeaksForThisHostAlone) {
    Entry drop = entry(1);
    drop.target = TARGET_DROP;
    Entry everything = all_ports(2);
    everything.target = TARGET_DROP;
    program().add_wildcard(drop, FAMILY_DUAL);
    program().add_wildcard(everything, FAMILY_DUAL);
    expect_all({
        {"IPv4, the port", syn4, heard(REASON_LISTENER_WILDCARD, 1, TARGET_DROP)},
        {"IPv6, the port", syn6, heard(REASON_LISTENER_WILDCARD, 1, TARGET_DROP)},
        {"IPv4, all ports", tcp4(9).syn(), drops(REASON_LISTENER_ALL_PORTS).at(PROTO_TCP, 9).by(2)},
        {"IPv4 for another host", tcp4(port, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL)},
        {"IPv6 for another host", tcp6(port, beyond_ipv6).syn(), passes(REASON_NOT_LOCAL)},
        {"all ports, for another host", tcp4(9, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL)},
        {"a broadcast frame", eth(broadcast_mac).ipv4(peer_ipv4, host_ipv4).tcp(peer_port, port).syn(),
         heard(REASON_LISTENER_WILDCARD, 1, TARGET_DROP)},
        {"a multicast packet", eth("01:00:5e:00:00:01").ipv4(peer_ipv4, "224.0.0.1").tcp(peer_port, port).syn(),
         passes(REASON_MULTICAST)},
    });
}

TEST_F(Listener, TargetsAreCarriedOutInEachForm) {
    for (const auto target : {TARGET_PASS, TARGET_DROP, TARGET_REJECT}) {
        SCOPED_TRACE(target);
        load(enforce(VERDICT_PASS));
        Entry of = entry(7);
        of.target = target;
        Entry everything = all_ports(7);
        everything.target = target;
        program().add_wildcard(everything, FAMILY_DUAL);
        expect(syn4, heard(REASON_LISTENER_ALL_PORTS, 7, target));
        program().add_wildcard(of, FAMILY_DUAL);
        expect(syn6, heard(REASON_LISTENER_WILDCARD, 7, target));
        add_prefix(of, 24, 64);
        expect(syn4, heard(REASON_LISTENER_PREFIX, 7, target));
        add_exact(of);
        expect(syn6, heard(REASON_LISTENER_EXACT, 7, target));
        ProgTest::TearDown();
    }
}

TEST_F(Listener, InMonitorModeHearsAndLetsPass) {
    load(monitor(VERDICT_DROP));
    for (const auto target : {TARGET_PASS, TARGET_DROP, TARGET_REJECT}) {
        Entry of = entry(7);
        of.target = target;
        add_exact(of);
        expect(syn4, heard(REASON_LISTENER_EXACT, 7, target).in_monitor_mode());
        expect(syn6, heard(REASON_LISTENER_EXACT, 7, target).in_monitor_mode());
    }
}

class Flow : public Listener {};

TEST_F(Flow, MatchesTheExactFourTupleOfItsProtocol) {
    program().add_flow(PROTO_TCP, host_ipv4, port, peer_ipv4, peer_port, TARGET_PASS);
    program().add_flow(PROTO_UDP, host_ipv6, port, peer_ipv6, peer_port, TARGET_PASS);
    expect_all({
        {"IPv4", tcp4(port).ack(1), passes(REASON_FLOW).at(PROTO_TCP, port)},
        {"IPv6", udp6(port).payload(9), passes(REASON_FLOW).at(PROTO_UDP, port)},
        {"another protocol", udp4(port), drops(REASON_CLOSED).at(PROTO_UDP, port)},
        {"another protocol, IPv6", tcp6(port), drops(REASON_CLOSED).at(PROTO_TCP, port)},
        {"another remote port", ip4().tcp(peer_port - 1, port), drops(REASON_CLOSED).at(PROTO_TCP, port)},
        {"another remote address", eth().ipv4("192.0.2.98", host_ipv4).tcp(peer_port, port),
         drops(REASON_CLOSED).at(PROTO_TCP, port)},
        {"another local port", tcp4(port + 1), drops(REASON_CLOSED).at(PROTO_TCP, port + 1)},
        {"another local address", tcp4(port, "192.0.2.2"), passes(REASON_NOT_LOCAL)},
        {"turned round", eth().ipv4(host_ipv4, peer_ipv4).tcp(port, peer_port), passes(REASON_NOT_LOCAL)},
    });
}

TEST_F(Flow, CountsItsPacketsBytesAndTime) {
    program().add_flow(PROTO_TCP, host_ipv4, port, peer_ipv4, peer_port, TARGET_PASS);
    // What the table keeps of the clock.
    const std::uint64_t before = coarse_now_ns() >> FLOW_SEEN_SHIFT << FLOW_SEEN_SHIFT;
    expect(tcp4(port).ack(1), passes(REASON_FLOW).at(PROTO_TCP, port));
    expect(tcp4(port).ack(1).payload(100), passes(REASON_FLOW).at(PROTO_TCP, port));
    const FlowFacts flow = program().flow(PROTO_TCP, host_ipv4, port, peer_ipv4, peer_port);
    EXPECT_EQ(flow.packets, 2U);
    EXPECT_EQ(flow.bytes, 54U + 154U);
    EXPECT_GE(flow.last_seen_ns(), before);
    EXPECT_LE(flow.last_seen_ns(), coarse_now_ns());
}

TEST_F(Flow, OfAnAddressThatIsNotThisHostsIsCarriedOut) {
    program().add_flow(PROTO_TCP, beyond_ipv4, port, peer_ipv4, peer_port, TARGET_DROP);
    expect(tcp4(port, beyond_ipv4), drops(REASON_FLOW).at(PROTO_TCP, port));
}

TEST_F(Flow, TargetsAreCarriedOut) {
    for (const auto& [target, expected] :
         {std::pair{TARGET_PASS, passes(REASON_FLOW)}, std::pair{TARGET_DROP, drops(REASON_FLOW)},
          std::pair{TARGET_REJECT, rejects(REASON_FLOW)}}) {
        program().add_flow(PROTO_TCP, host_ipv4, port, peer_ipv4, peer_port, target);
        program().add_flow(PROTO_UDP, host_ipv6, port, peer_ipv6, peer_port, target);
        expect(tcp4(port).syn(), expected.at(PROTO_TCP, port));
        expect(udp6(port).payload(3), expected.at(PROTO_UDP, port));
    }
}

}  // namespace
}  // namespace xdemux::test::listener_test
