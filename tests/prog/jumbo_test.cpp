// SPDX-License-Identifier: BSD-2-Clause
// Frames larger than a page: headers in the linear part, the rest in fragments that the program does not read.
#include "support/expectation.h"

namespace xdemux::test::jumbo_test {
namespace {

// Under BPF_PROG_TEST_RUN what does not fit a page, less headroom and tailroom, goes into fragments.
constexpr std::size_t jumbo = 8000;

class Jumbo : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }
};

TEST_F(Jumbo, IsLookedUpAndCountedWhole) {
    expect_all({
        {"TCP over IPv4", tcp4(80).ack(1).payload(jumbo), drops(REASON_CLOSED).at(PROTO_TCP, 80)},
        {"TCP over IPv6", tcp6(80).ack(1).payload(jumbo), drops(REASON_CLOSED).at(PROTO_TCP, 80)},
        {"UDP over IPv4", udp4(53).payload(jumbo), drops(REASON_CLOSED).at(PROTO_UDP, 53)},
        {"UDP over IPv6", udp6(53).payload(jumbo), drops(REASON_CLOSED).at(PROTO_UDP, 53)},
        {"behind tags", eth().vlan(1).vlan(2).ipv4(peer_ipv4, host_ipv4).udp(peer_port, 53).payload(jumbo),
         drops(REASON_CLOSED).at(PROTO_UDP, 53)},
        {"padding in the fragments", udp4(53).payload(10).pad_to(jumbo), drops(REASON_CLOSED).at(PROTO_UDP, 53)},
        {"what is not IP", eth().ethertype(0x88cc).payload(jumbo), passes(REASON_NOT_IP)},
        {"another protocol", ip4().protocol(47).payload(jumbo), passes(REASON_OTHER_PROTOCOL)},
        {"a ping", ip4().icmp(8, 0).payload(jumbo), passes(REASON_ICMP_OTHER)},
        {"a later fragment", ip4().fragment(1, 800, true).protocol(17).payload(jumbo), passes(REASON_FRAGMENT_ORPHAN)},
        {"for another host", udp4(53, beyond_ipv4).payload(jumbo), passes(REASON_NOT_LOCAL)},
    });
}

TEST_F(Jumbo, ThatLiesIsMalformedAndLeftToTheKernel) {
    // The kernel first pulls headers out of the fragments, so that what this program misses may yet be there.
    const auto length = static_cast<std::uint16_t>(20 + 8 + jumbo);
    expect(ip4().set16(2, length).udp(peer_port, 53).payload(jumbo), drops(REASON_CLOSED).at(PROTO_UDP, 53));
    expect(ip4().set16(2, length + 1).udp(peer_port, 53).payload(jumbo), passes(REASON_BAD_IPV4));
    expect(ip6().set16(4, 8 + jumbo + 1).udp(peer_port, 53).payload(jumbo), passes(REASON_BAD_IPV6));
    expect(udp4(53).set16(4, 8 + jumbo + 1).payload(jumbo), passes(REASON_BAD_UDP));
    expect(udp6(53).set16(4, 8 + jumbo + 1).payload(jumbo), passes(REASON_BAD_UDP));
    expect(tcp4(80).set8(12, 0x40).payload(jumbo), passes(REASON_BAD_TCP));
}

TEST_F(Jumbo, IsAnswered) {
    load(enforce(VERDICT_REJECT));
    const Packet back = eth(peer_mac, host_mac);
    expect_frame(tcp4(80).seq(1000).syn().payload(jumbo), rejects(REASON_CLOSED).at(PROTO_TCP, 80),
                 back.ipv4(host_ipv4, peer_ipv4).dont_fragment().tcp(80, peer_port).rst().ack(1001 + jumbo).window(0));
    expect_frame(tcp6(80).ack(5).payload(jumbo), rejects(REASON_CLOSED).at(PROTO_TCP, 80),
                 back.ipv6(host_ipv6, peer_ipv6).tcp(80, peer_port).rst().seq(5).window(0));
    const Packet over4 = udp4(53).payload(jumbo), over6 = udp6(53).payload(jumbo);
    expect_frame(over4, rejects(REASON_CLOSED).at(PROTO_UDP, 53),
                 back.ipv4(host_ipv4, peer_ipv4).dont_fragment().icmp(3, 3).quoting(over4, 576 - 28));
    expect_frame(over6, rejects(REASON_CLOSED).at(PROTO_UDP, 53),
                 back.ipv6(host_ipv6, peer_ipv6).icmpv6(1, 4).quoting(over6, 1280 - 48));
}

TEST_F(Jumbo, FlowsCountItWhole) {
    program().add_flow(PROTO_UDP, host_ipv4, 53, peer_ipv4, peer_port, TARGET_PASS);
    expect(udp4(53).payload(jumbo), passes(REASON_FLOW).at(PROTO_UDP, 53));
    EXPECT_EQ(program().flow(PROTO_UDP, host_ipv4, 53, peer_ipv4, peer_port).bytes, 14U + 20U + 8U + jumbo);
}

TEST_F(Jumbo, AroundThePagesEndIsMeasuredRight) {
    for (std::size_t size = 3400; size < 4200; size += 37) {
        SCOPED_TRACE(size);
        expect(udp4(53).payload(size), drops(REASON_CLOSED).at(PROTO_UDP, 53));
        expect(udp6(53).payload(size), drops(REASON_CLOSED).at(PROTO_UDP, 53));
    }
}

}  // namespace
}  // namespace xdemux::test::jumbo_test
