// SPDX-License-Identifier: BSD-2-Clause
// Later fragments follow what became of their datagram's first one.
#include "support/expectation.h"

namespace xdemux::test::fragment_test {
namespace {

constexpr std::uint8_t protocol_udp = 17, protocol_tcp = 6;

Packet first4(std::uint16_t id, std::uint16_t port) {
    return ip4().fragment(id, 0, true).udp(peer_port, port).set16(4, 2000).payload(800);
}

Packet later4(std::uint16_t id, bool more = false, std::uint8_t protocol = protocol_udp) {
    return ip4().fragment(id, 808, more).protocol(protocol).payload(800);
}

Packet first6(std::uint32_t id, std::uint16_t port) {
    return ip6().fragment6(id, 0, true).udp(peer_port, port).set16(4, 2000).payload(800);
}

Packet later6(std::uint32_t id, bool more = false, std::uint8_t protocol = protocol_udp) {
    return ip6().fragment6(id, 808, more).protocol(protocol).payload(800);
}

class Fragment : public ProgTest {
  protected:
    void SetUp() override {
        load(enforce(VERDICT_DROP));
        program().add_wildcard({.proto = PROTO_UDP, .port = 53, .target = TARGET_PASS, .id = 1}, FAMILY_DUAL);
        program().add_wildcard({.proto = PROTO_UDP, .port = 54, .target = TARGET_REJECT, .id = 2}, FAMILY_DUAL);
    }

    const Expected heard = passes(REASON_LISTENER_WILDCARD).at(PROTO_UDP, 53).by(1);
    const Expected refused = rejects(REASON_LISTENER_WILDCARD).at(PROTO_UDP, 54).by(2);
    const Expected closed = drops(REASON_CLOSED).at(PROTO_UDP, 55);
};

TEST_F(Fragment, WithoutAFirstOnePasses) {
    expect_all({
        {"IPv4, the last", later4(1), passes(REASON_FRAGMENT_ORPHAN)},
        {"IPv4, in the middle", later4(1, true), passes(REASON_FRAGMENT_ORPHAN)},
        {"IPv4, offset eight: over the ports", ip4().fragment(1, 8, false).protocol(protocol_tcp).payload(16),
         passes(REASON_FRAGMENT_ORPHAN)},
        {"IPv6, the last", later6(1), passes(REASON_FRAGMENT_ORPHAN)},
        {"IPv6, in the middle", later6(1, true), passes(REASON_FRAGMENT_ORPHAN)},
        {"IPv4, no payload", ip4().fragment(1, 808, false).protocol(protocol_udp), passes(REASON_FRAGMENT_ORPHAN)},
        {"IPv6, of a routing header's rest", ip6().fragment6(1, 808, true).protocol(43).payload(8),
         passes(REASON_FRAGMENT_ORPHAN)},
        {"for another host", ip4(beyond_ipv4).fragment(1, 808, false).protocol(17).payload(8),
         passes(REASON_FRAGMENT_ORPHAN)},
    });
}

TEST_F(Fragment, FollowsAFirstOneThatPassed) {
    expect(first4(1, 53), heard);
    expect(later4(1, true), passes(REASON_FRAGMENT));
    expect(later4(1), passes(REASON_FRAGMENT));
    expect(first6(1, 53), heard);
    expect(later6(1, true), passes(REASON_FRAGMENT));
    expect(later6(1), passes(REASON_FRAGMENT));
    EXPECT_EQ(program().remembered_fragments(), 2U);
}

TEST_F(Fragment, FollowsAFirstOneThatWasDropped) {
    expect(first4(1, 55), closed);
    expect(later4(1), drops(REASON_FRAGMENT));
    expect(first6(1, 55), closed);
    expect(later6(1), drops(REASON_FRAGMENT));
}

TEST_F(Fragment, OfARejectedDatagramIsDroppedWithNoSecondAnswer) {
    expect(first4(1, 54), refused);
    expect(later4(1, true), drops(REASON_FRAGMENT));
    expect(first6(1, 54), refused);
    expect(later6(1), drops(REASON_FRAGMENT));
}

TEST_F(Fragment, FollowsTheFirstOfItsOwnDatagramAlone) {
    expect(first4(1, 55), closed);
    expect(first6(1, 55), closed);
    const Expected orphan = passes(REASON_FRAGMENT_ORPHAN);
    expect_all({
        {"another id", later4(2), orphan},
        {"another protocol", later4(1, false, protocol_tcp), orphan},
        {"another source", eth().ipv4("192.0.2.98", host_ipv4).fragment(1, 808, false).protocol(17).payload(8), orphan},
        {"another destination", ip4("192.0.2.2").fragment(1, 808, false).protocol(17).payload(8), orphan},
        {"IPv6, another id", later6(2), orphan},
        {"IPv6, another id in its upper half", later6(0x10001), orphan},
        {"IPv6, another source", eth().ipv6("2001:db8::98", host_ipv6).fragment6(1, 808, false).protocol(17).payload(8),
         orphan},
        // RFC 8200, 4.5: the next header is no part of the datagram's identity.
        {"IPv6, another next header", later6(1, false, 60), drops(REASON_FRAGMENT)},
    });
}

TEST_F(Fragment, ThatIsFirstReplacesAnOlderOneOfTheSameId) {
    expect(first4(1, 55), closed);
    expect(later4(1), drops(REASON_FRAGMENT));
    expect(first4(1, 53), heard);
    expect(later4(1), passes(REASON_FRAGMENT));
}

TEST_F(Fragment, ForAnotherHostIsRememberedAsPassed) {
    expect(ip4(beyond_ipv4).fragment(1, 0, true).udp(peer_port, 55).set16(4, 2000).payload(80),
           passes(REASON_NOT_LOCAL));
    expect(ip4(beyond_ipv4).fragment(1, 88, false).protocol(protocol_udp).payload(80), passes(REASON_FRAGMENT));
}

TEST_F(Fragment, InMonitorModePasses) {
    load(monitor(VERDICT_DROP));
    expect(first4(1, 55), closed.in_monitor_mode());
    expect(later4(1), drops(REASON_FRAGMENT).in_monitor_mode());
}

TEST_F(Fragment, ThatIsAtomicIsAWholePacket) {
    expect(ip6().fragment6(1, 0, false).udp(peer_port, 55).payload(8), closed);
    EXPECT_EQ(program().remembered_fragments(), 0U);
    expect(later6(1), passes(REASON_FRAGMENT_ORPHAN));
    expect(ip4().fragment(1, 0, false).udp(peer_port, 55).payload(8), closed);
    EXPECT_EQ(program().remembered_fragments(), 0U);
}

TEST_F(Fragment, ThatIsFirstAndCutIsMalformedAndNotRemembered) {
    for (std::size_t size = 0; size < 8; size++)
        expect(ip4().fragment(1, 0, true).tcp(peer_port, 55).shorten(LayerKind::tcp, size), passes(REASON_BAD_TCP));
    for (std::size_t size = 0; size < 8; size++)
        expect(ip6().fragment6(1, 0, true).udp(peer_port, 55).shorten(LayerKind::udp, size), passes(REASON_BAD_UDP));
    expect(ip4().fragment(1, 0, true).udp(peer_port, 55).set16(4, 7).payload(80), passes(REASON_BAD_UDP));
    EXPECT_EQ(program().remembered_fragments(), 0U);
}

TEST_F(Fragment, ThatIsFirstNeedsNoMoreOfASegmentThanItsPorts) {
    // The kernel puts the header together; rules must not be got round so (RFC 1858).
    program().add_wildcard({.proto = PROTO_TCP, .port = 56, .target = TARGET_DROP, .id = 3}, FAMILY_DUAL);
    const Expected refused_tcp = drops(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 56).by(3);
    for (const std::size_t size : {8U, 13U, 14U, 16U}) {
        SCOPED_TRACE(size);
        expect(ip4().fragment(1, 0, true).tcp(peer_port, 56).syn().shorten(LayerKind::tcp, size), refused_tcp);
        expect(ip4().fragment(1, 0, true).tcp(peer_port, 56).syn().shorten(LayerKind::tcp, size).pad_to(60),
               refused_tcp);
        expect(ip6().fragment6(1, 0, true).tcp(peer_port, 56).syn().shorten(LayerKind::tcp, size), refused_tcp);
    }
    expect(ip4().fragment(1, 8, false).protocol(protocol_tcp).payload(12), drops(REASON_FRAGMENT));
    expect(ip4().fragment(2, 0, true).tcp(peer_port, 55).syn().shorten(LayerKind::tcp, 8),
           drops(REASON_CLOSED).at(PROTO_TCP, 55));
}

TEST_F(Fragment, FollowsAFirstOneForTwoSecondsAlone) {
    // The identifier comes again, and then a later fragment may be the first to arrive.
    expect(first4(1, 55), closed);
    expect(first6(1, 55), closed);
    program().age_fragments(1'500'000'000);
    expect(later4(1), drops(REASON_FRAGMENT));
    expect(later6(1), drops(REASON_FRAGMENT));
    program().age_fragments(1'000'000'000);
    expect(later4(1), passes(REASON_FRAGMENT_ORPHAN));
    expect(later6(1), passes(REASON_FRAGMENT_ORPHAN));
    expect(first4(1, 55), closed);
    expect(later4(1), drops(REASON_FRAGMENT));
}

TEST_F(Fragment, ThatIsFirstMayTellOfALengthBeyondItself) {
    expect(first4(3, 55), closed);
    expect(first6(3, 55), closed);
    // The twin: a whole datagram may not.
    expect(udp4(55).set16(4, 2000).payload(800), drops(REASON_BAD_UDP));
    expect(udp6(55).set16(4, 2000).payload(800), drops(REASON_BAD_UDP));
}

}  // namespace
}  // namespace xdemux::test::fragment_test
