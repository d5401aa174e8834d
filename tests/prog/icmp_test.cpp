// SPDX-License-Identifier: BSD-2-Clause
// ICMP and ICMPv6: errors follow the flow of the packet that they quote, and nothing else decides about them.
#include "support/expectation.h"

namespace xdemux::test::icmp_test {
namespace {

constexpr std::uint16_t local_port = 5000, remote_port = 443;
constexpr std::string_view router_ipv4 = "198.51.100.1", router_ipv6 = "2001:db8:ff::1";

// What the host had sent.
Packet sent4() {
    return eth().ipv4(host_ipv4, peer_ipv4).tcp(local_port, remote_port).ack(1).payload(40);
}

Packet sent6() {
    return eth().ipv6(host_ipv6, peer_ipv6).udp(local_port, remote_port).payload(40);
}

Packet error4(const Packet& quoted, std::uint8_t type = 3, std::uint8_t code = 4, std::size_t size = SIZE_MAX) {
    return eth().ipv4(router_ipv4, host_ipv4).icmp(type, code, 1400).quoting(quoted, size);
}

Packet error6(const Packet& quoted, std::uint8_t type = 2, std::uint8_t code = 0, std::size_t size = SIZE_MAX) {
    return eth().ipv6(router_ipv6, host_ipv6).icmpv6(type, code, 1400).quoting(quoted, size);
}

class Icmp : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }

    void add_flows(target_kind target) {
        program().add_flow(PROTO_TCP, host_ipv4, local_port, peer_ipv4, remote_port, target);
        program().add_flow(PROTO_UDP, host_ipv6, local_port, peer_ipv6, remote_port, target);
    }
};

TEST_F(Icmp, ThatIsNoErrorPasses) {
    expect_all({
        {"echo", ip4().icmp(8, 0).payload(56), passes(REASON_ICMP_OTHER)},
        {"echo reply", ip4().icmp(0, 0).payload(56), passes(REASON_ICMP_OTHER)},
        {"router advertisement", ip4().icmp(9, 0), passes(REASON_ICMP_OTHER)},
        {"timestamp", ip4().icmp(13, 0).payload(12), passes(REASON_ICMP_OTHER)},
        {"ICMPv6 echo", ip6().icmpv6(128, 0).payload(56), passes(REASON_ICMP_OTHER)},
        {"neighbour solicitation",
         eth("33:33:ff:00:00:01").ipv6(peer_ipv6, "ff02::1:ff00:1").icmpv6(135, 0).payload(16),
         passes(REASON_ICMP_OTHER)},
        {"neighbour advertisement", ip6().icmpv6(136, 0).payload(16), passes(REASON_ICMP_OTHER)},
        {"router advertisement, ICMPv6", eth("33:33:00:00:00:01").ipv6("fe80::1", "ff02::1").icmpv6(134, 0).payload(8),
         passes(REASON_ICMP_OTHER)},
        {"multicast listener report", ip6().hop_by_hop().icmpv6(143, 0).payload(20), passes(REASON_ICMP_OTHER)},
        {"ICMPv6 type 0", ip6().icmpv6(0, 0).payload(56), passes(REASON_ICMP_OTHER)},
        {"ICMPv6 type 5", ip6().icmpv6(5, 0).payload(56), passes(REASON_ICMP_OTHER)},
        {"a first fragment of ICMP", ip4().fragment(1, 0, true).icmp(3, 4).payload(80), passes(REASON_ICMP_OTHER)},
        {"a first fragment of ICMPv6", ip6().fragment6(1, 0, true).icmpv6(2, 0).payload(80), passes(REASON_ICMP_OTHER)},
    });
}

TEST_F(Icmp, ErrorsOfEachTypeAreNotSubjectToTheClosedPolicy) {
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{3, 4, 5, 11, 12})
        expect(error4(sent4(), type, 0), passes(REASON_ICMP_ERROR));
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{1, 2, 3, 4})
        expect(error6(sent6(), type, 0), passes(REASON_ICMP_ERROR));
}

TEST_F(Icmp, ErrorsFollowTheirFlow) {
    for (const auto& [target, verdict] :
         {std::pair{TARGET_PASS, passes(REASON_ICMP_ERROR)}, std::pair{TARGET_DROP, drops(REASON_ICMP_ERROR)},
          std::pair{TARGET_REJECT, drops(REASON_ICMP_ERROR)}}) {
        SCOPED_TRACE(target);
        add_flows(target);
        expect(error4(sent4()), verdict);
        expect(error4(sent4(), 3, 4, 28), verdict);  // the least that RFC 792 asks for
        expect(error6(sent6()), verdict);
        expect(error6(sent6(), 2, 0, 48), verdict);
        expect(eth().vlan(7).ipv4(router_ipv4, host_ipv4).options(2).icmp(11, 0).quoting(sent4()), verdict);
        expect(eth().ipv6(router_ipv6, host_ipv6).hop_by_hop().icmpv6(1, 0).quoting(sent6()), verdict);
    }
}

TEST_F(Icmp, ErrorsFollowNoOtherFlowAndNoListener) {
    add_flows(TARGET_DROP);
    for (const auto proto : {PROTO_TCP, PROTO_UDP})
        program().add_wildcard({.proto = proto, .port = 5001, .target = TARGET_DROP, .id = 1}, FAMILY_DUAL);
    expect_all({
        {"another local port", error4(eth().ipv4(host_ipv4, peer_ipv4).tcp(5001, remote_port)),
         passes(REASON_ICMP_ERROR)},
        {"another remote port", error4(eth().ipv4(host_ipv4, peer_ipv4).tcp(local_port, 444)),
         passes(REASON_ICMP_ERROR)},
        {"another protocol", error4(eth().ipv4(host_ipv4, peer_ipv4).udp(local_port, remote_port)),
         passes(REASON_ICMP_ERROR)},
        {"not turned round", error4(eth().ipv4(peer_ipv4, host_ipv4).tcp(remote_port, local_port)),
         passes(REASON_ICMP_ERROR)},
        {"IPv6, another local port", error6(eth().ipv6(host_ipv6, peer_ipv6).udp(5001, remote_port)),
         passes(REASON_ICMP_ERROR)},
        {"port zero", error6(eth().ipv6(host_ipv6, peer_ipv6).udp(0, remote_port)), passes(REASON_ICMP_ERROR)},
    });
}

TEST_F(Icmp, ErrorsLeaveTheirFlowsCountersAlone) {
    add_flows(TARGET_PASS);
    expect(error4(sent4()), passes(REASON_ICMP_ERROR));
    EXPECT_EQ(program().flow(PROTO_TCP, host_ipv4, local_port, peer_ipv4, remote_port).packets, 0U);
    EXPECT_EQ(program().flow(PROTO_TCP, host_ipv4, local_port, peer_ipv4, remote_port).last_seen_ns(), 0U);
}

TEST_F(Icmp, ErrorsAboutOtherThingsPass) {
    add_flows(TARGET_DROP);
    expect_all({
        {"a ping", error4(eth().ipv4(host_ipv4, peer_ipv4).icmp(8, 0).payload(8)), passes(REASON_ICMP_ERROR)},
        {"GRE", error4(eth().ipv4(host_ipv4, peer_ipv4).protocol(47).payload(8)), passes(REASON_ICMP_ERROR)},
        {"a later fragment", error4(eth().ipv4(host_ipv4, peer_ipv4).fragment(1, 800, false).protocol(6).payload(20)),
         passes(REASON_ICMP_ERROR)},
        {"a first fragment", error4(eth().ipv4(host_ipv4, peer_ipv4).fragment(1, 0, true).tcp(local_port, remote_port)),
         drops(REASON_ICMP_ERROR)},
        {"a first IPv6 fragment",
         error6(eth().ipv6(host_ipv6, peer_ipv6).fragment6(1, 0, true).udp(local_port, remote_port)),
         drops(REASON_ICMP_ERROR)},
        {"an ICMPv6 ping", error6(eth().ipv6(host_ipv6, peer_ipv6).icmpv6(128, 0).payload(8)),
         passes(REASON_ICMP_ERROR)},
        {"a later IPv6 fragment",
         error6(eth().ipv6(host_ipv6, peer_ipv6).fragment6(1, 800, false).protocol(17).payload(20)),
         passes(REASON_ICMP_ERROR)},
        {"a datagram behind extension headers",
         error6(eth().ipv6(host_ipv6, peer_ipv6).hop_by_hop().destination_options().udp(local_port, remote_port)),
         drops(REASON_ICMP_ERROR)},
        {"a datagram behind IPv4 options",
         error4(eth().ipv4(host_ipv4, peer_ipv4).options(5).tcp(local_port, remote_port)), drops(REASON_ICMP_ERROR)},
    });
}

TEST_F(Icmp, CutInItsOwnHeaderIsMalformedAndDroppedWhereItIsDelivered) {
    for (std::size_t size = 0; size < 8; size++) {
        SCOPED_TRACE(size);
        expect(ip4().icmp(8, 0).shorten(LayerKind::icmp, size), drops(REASON_BAD_ICMP));
        expect(ip6().icmpv6(128, 0).shorten(LayerKind::icmpv6, size), drops(REASON_BAD_ICMP));
        expect(ip4().icmp(3, 4).shorten(LayerKind::icmp, size).pad_to(80), drops(REASON_BAD_ICMP));
        expect(ip4(beyond_ipv4).icmp(8, 0).shorten(LayerKind::icmp, size), passes(REASON_BAD_ICMP));
        expect(ip6(beyond_ipv6).icmpv6(1, 0).shorten(LayerKind::icmpv6, size), passes(REASON_BAD_ICMP));
    }
}

TEST_F(Icmp, ErrorsWhoseQuoteIsCutAreMalformed) {
    add_flows(TARGET_DROP);
    for (std::size_t size = 0; size < 28; size++) {
        SCOPED_TRACE(size);
        expect(error4(sent4(), 3, 4, size), passes(REASON_BAD_ICMP));
        expect(error4(sent4(), 3, 4, size).pad_to(120), passes(REASON_BAD_ICMP));
    }
    for (std::size_t size = 0; size < 48; size++) {
        SCOPED_TRACE(size);
        expect(error6(sent6(), 2, 0, size), passes(REASON_BAD_ICMP));
        expect(error6(sent6(), 2, 0, size).pad_to(160), passes(REASON_BAD_ICMP));
    }
}

TEST_F(Icmp, ErrorsWhoseQuoteIsMalformedAreToo) {
    const auto quoted = [](std::uint8_t first) { return eth().ipv4(host_ipv4, peer_ipv4).set8(0, first).tcp(1, 2); };
    expect_all({
        {"header length 4", error4(quoted(0x44)), passes(REASON_BAD_ICMP)},
        {"header length 0", error4(quoted(0x40)), passes(REASON_BAD_ICMP)},
        {"header longer than the quote", error4(quoted(0x4f), 3, 4, 28), passes(REASON_BAD_ICMP)},
        {"IPv6 in ICMP", error4(sent6()), passes(REASON_BAD_ICMP)},
        {"IPv4 in ICMPv6", error6(sent4()), passes(REASON_BAD_ICMP)},
        {"an extension header that goes beyond",
         error6(eth().ipv6(host_ipv6, peer_ipv6).destination_options().set8(1, 200).udp(1, 2)),
         passes(REASON_BAD_ICMP)},
        {"an extension header out of place",
         error6(eth().ipv6(host_ipv6, peer_ipv6).hop_by_hop().hop_by_hop().udp(1, 2)), passes(REASON_BAD_ICMP)},
    });
}

TEST_F(Icmp, ErrorsInMonitorModePass) {
    load(monitor());
    add_flows(TARGET_DROP);
    expect(error4(sent4()), drops(REASON_ICMP_ERROR).in_monitor_mode());
}

}  // namespace
}  // namespace xdemux::test::icmp_test
