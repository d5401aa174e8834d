// SPDX-License-Identifier: BSD-2-Clause
// TCP and UDP headers with their malformed twins: dropped where the kernel drops them, which is where it delivers.
#include "support/expectation.h"

namespace xdemux::test::l4_test {
namespace {

class Tcp : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }
};

class Udp : public Tcp {};
class MalformedL4 : public Tcp {};

const Expected closed_tcp = drops(REASON_CLOSED).at(PROTO_TCP, 80);
const Expected closed_udp = drops(REASON_CLOSED).at(PROTO_UDP, 53);

TEST_F(Tcp, OfEachHeaderLengthIsRead) {
    for (std::size_t words = 0; words <= 10; words++) {
        SCOPED_TRACE(words);
        expect(tcp4(80).tcp_options(words).syn(), closed_tcp);
        expect(tcp6(80).tcp_options(words).ack(1).payload(100), closed_tcp);
        // The twin: the header tells of one more word than the packet has.
        const auto more = static_cast<std::uint8_t>((6 + words) << 4);
        if (words < 10) expect(tcp4(80).tcp_options(words).set8(12, more), drops(REASON_BAD_TCP));
        if (words < 10) expect(tcp6(80).tcp_options(words).set8(12, more), drops(REASON_BAD_TCP));
    }
}

TEST_F(Tcp, CutAtAnyByteIsMalformed) {
    for (std::size_t size = 0; size < 20; size++) {
        SCOPED_TRACE(size);
        expect(tcp4(80).syn().shorten(LayerKind::tcp, size), drops(REASON_BAD_TCP));
        expect(tcp6(80).syn().shorten(LayerKind::tcp, size), drops(REASON_BAD_TCP));
        expect(tcp4(80).syn().shorten(LayerKind::tcp, size).pad_to(60), drops(REASON_BAD_TCP));
        expect(tcp4(80).syn().cut(LayerKind::tcp, size), drops(REASON_BAD_IPV4));
        expect(tcp6(80).syn().cut(LayerKind::tcp, size), drops(REASON_BAD_IPV6));
    }
}

TEST_F(Tcp, WithAHeaderLengthUnderFiveWordsIsMalformed) {
    for (std::uint8_t words = 0; words < 5; words++) {
        SCOPED_TRACE(+words);
        expect(tcp4(80).set8(12, static_cast<std::uint8_t>(words << 4)).payload(40), drops(REASON_BAD_TCP));
        expect(tcp6(80).set8(12, static_cast<std::uint8_t>(words << 4)).payload(40), drops(REASON_BAD_TCP));
    }
}

TEST_F(Tcp, OfAnyFlagsIsLookedUp) {
    for (const std::uint8_t flags :
         std::initializer_list<std::uint8_t>{0x00, 0x01, 0x02, 0x04, 0x10, 0x12, 0x14, 0x18, 0x29, 0x3f, 0xff})
        expect(tcp4(80).flags(flags), closed_tcp);
}

TEST_F(Udp, OfAnyLengthThatFitsIsRead) {
    expect_all({
        {"empty", udp4(53), closed_udp},
        {"empty over IPv6", udp6(53), closed_udp},
        {"one byte", udp4(53).payload(1), closed_udp},
        {"five bytes", udp4(53).payload(5), closed_udp},
        {"six bytes", udp6(53).payload(6), closed_udp},
        {"a length under the IP packet's", udp4(53).set16(4, 8).payload(20), closed_udp},
        {"a length of zero over IPv6", udp6(53).set16(4, 0).payload(20), closed_udp},
        {"a length of zero over IPv6, empty", udp6(53).set16(4, 0), closed_udp},
        {"no checksum over IPv4", udp4(53).set16(6, 0).payload(20), closed_udp},
        {"1400 bytes", udp4(53).payload(1400), closed_udp},
    });
}

TEST_F(Udp, CutAtAnyByteIsMalformed) {
    for (std::size_t size = 0; size < 8; size++) {
        SCOPED_TRACE(size);
        expect(udp4(53).shorten(LayerKind::udp, size), drops(REASON_BAD_UDP));
        expect(udp6(53).shorten(LayerKind::udp, size), drops(REASON_BAD_UDP));
        expect(udp4(53).shorten(LayerKind::udp, size).pad_to(60), drops(REASON_BAD_UDP));
        expect(udp4(53).cut(LayerKind::udp, size), drops(REASON_BAD_IPV4));
        expect(udp6(53).cut(LayerKind::udp, size), drops(REASON_BAD_IPV6));
    }
}

TEST_F(Udp, WithALengthThatLiesIsMalformed) {
    for (const std::uint16_t length : std::initializer_list<std::uint16_t>{1, 7, 13, 14, 1000, 65535}) {
        SCOPED_TRACE(length);
        expect(udp4(53).set16(4, length).payload(4), drops(REASON_BAD_UDP));
        expect(udp6(53).set16(4, length).payload(4), drops(REASON_BAD_UDP));
        expect(udp4(53).set16(4, length).payload(4).pad_to(60), drops(REASON_BAD_UDP));
    }
    expect(udp4(53).set16(4, 0).payload(4), drops(REASON_BAD_UDP));
    expect(udp4(53).set16(4, 12).payload(4), closed_udp);
}

TEST_F(MalformedL4, PassesWhereTheKernelDoesNotDeliver) {
    const Packet short_tcp = ip4(beyond_ipv4).tcp(peer_port, 80).shorten(LayerKind::tcp, 10);
    expect_all({
        {"for another host", short_tcp, passes(REASON_BAD_TCP)},
        {"for another host, IPv6", ip6(beyond_ipv6).udp(peer_port, 53).set16(4, 7), passes(REASON_BAD_UDP)},
        {"in a broadcast frame", eth(broadcast_mac).ipv4(peer_ipv4, host_ipv4).udp(peer_port, 53).set16(4, 7),
         passes(REASON_BAD_UDP)},
        {"in a first fragment, without ports", ip4().fragment(1, 0, true).tcp(peer_port, 80).shorten(LayerKind::tcp, 7),
         passes(REASON_BAD_TCP)},
    });
}

TEST_F(MalformedL4, IsLookedUpNowhere) {
    program().add_wildcard({.port = 80, .target = TARGET_PASS, .id = 3}, FAMILY_DUAL);
    program().add_wildcard({.port = 0, .target = TARGET_PASS, .id = 4}, FAMILY_DUAL);
    program().add_flow(PROTO_TCP, host_ipv4, 80, peer_ipv4, peer_port, TARGET_PASS);
    expect(tcp4(80).set8(12, 0x40), drops(REASON_BAD_TCP));
    expect(tcp6(80).shorten(LayerKind::tcp, 19), drops(REASON_BAD_TCP));
    expect(tcp4(80).cut(LayerKind::tcp, 19), drops(REASON_BAD_IPV4));
}

class MalformedInMonitorMode : public ProgTest {};

TEST_F(MalformedInMonitorMode, Passes) {
    load(monitor(VERDICT_DROP));
    expect_all({
        {"VLAN", eth().vlan(7).cut(LayerKind::vlan, 2), drops(REASON_BAD_VLAN).in_monitor_mode()},
        {"IPv4", ip4().set8(0, 0x44), drops(REASON_BAD_IPV4).in_monitor_mode()},
        {"IPv6", ip6().set8(0, 0x40), drops(REASON_BAD_IPV6).in_monitor_mode()},
        {"extension", ip6().hop_by_hop().hop_by_hop(), passes(REASON_BAD_EXTENSION).in_monitor_mode()},
        {"TCP", tcp4(80).set8(12, 0), drops(REASON_BAD_TCP).in_monitor_mode()},
        {"UDP", udp6(53).set16(4, 1), drops(REASON_BAD_UDP).in_monitor_mode()},
        {"ICMP", ip4().icmp(8, 0).shorten(LayerKind::icmp, 7), drops(REASON_BAD_ICMP).in_monitor_mode()},
    });
}

}  // namespace
}  // namespace xdemux::test::l4_test
