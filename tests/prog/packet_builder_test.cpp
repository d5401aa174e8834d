// SPDX-License-Identifier: BSD-2-Clause
// The builder against packets of other makers: a harness that was wrong in the program's own way would find nothing.
#include "support/packet_builder.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace xdemux::test::packet_builder_test {
namespace {

std::uint16_t word(const Bytes& frame, std::size_t at) {
    return static_cast<std::uint16_t>(frame.at(at) << 8 | frame.at(at + 1));
}

TEST(PacketBuilder, ChecksumsAnIpv4HeaderAsTheWellKnownExampleHasIt) {
    // 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7
    const Bytes frame = eth().ipv4("192.168.0.1", "192.168.0.199").dont_fragment().udp(1, 2).payload(0x73 - 28).bytes();
    EXPECT_EQ(word(frame, 14 + 10), 0xb861);
    EXPECT_EQ(word(frame, 14 + 2), 0x0073);
}

TEST(PacketBuilder, ChecksumsAnEchoAsPingSendsIt) {
    // RFC 1071 over 0800 0000 1234 0001: the complement of 1a35.
    const Bytes frame = eth().ipv4("192.0.2.1", "192.0.2.2").icmp(8, 0, 0x12340001).bytes();
    EXPECT_EQ(word(frame, 14 + 20 + 2), 0xe5ca);
}

TEST(PacketBuilder, ChecksumsUdpOverThePseudoHeader) {
    // c000+0201 + c000+0202 + 0011 + 0009 (pseudo header), 0001 + 0002 + 0009 + 00 (datagram): 18429, folded 842a.
    const Bytes frame = eth().ipv4("192.0.2.1", "192.0.2.2").udp(1, 2).payload(1).bytes();
    EXPECT_EQ(word(frame, 14 + 20 + 6), 0x7bd5);
}

TEST(PacketBuilder, WritesWhatFollowsIntoEachHeader) {
    const Bytes frame =
        eth().vlan(7, 0x88a8).vlan(8).ipv6("::1", "::2").hop_by_hop().fragment6(1, 0, true).udp(1, 2).bytes();
    EXPECT_EQ(word(frame, 12), 0x88a8);
    EXPECT_EQ(word(frame, 16), 0x8100);
    EXPECT_EQ(word(frame, 20), 0x86dd);
    EXPECT_EQ(frame.at(22 + 6), 0);
    EXPECT_EQ(frame.at(22 + 40), 44);
    EXPECT_EQ(frame.at(22 + 48), 17);
    EXPECT_EQ(word(frame, 22 + 4), 8 + 8 + 8);
}

TEST(PacketBuilder, CutsTheFrameAndLetsTheLengthsTellOfTheRest) {
    const Packet whole = eth().ipv4("192.0.2.1", "192.0.2.2").tcp(1, 2).payload(10);
    EXPECT_EQ(whole.cut(LayerKind::tcp, 5).bytes().size(), 14U + 20U + 5U);
    EXPECT_EQ(word(whole.cut(LayerKind::tcp, 5).bytes(), 16), 50);
    EXPECT_EQ(whole.shorten(LayerKind::tcp, 5).bytes().size(), 14U + 20U + 5U);
    EXPECT_EQ(word(whole.shorten(LayerKind::tcp, 5).bytes(), 16), 25);
    EXPECT_EQ(whole.pad_to(100).bytes().size(), 100U);
    EXPECT_EQ(whole.pad_to(10).bytes().size(), 64U);
}

TEST(PacketBuilder, LeavesThePacketThatItStartsFromAlone) {
    const Packet segment = eth().ipv4("192.0.2.1", "192.0.2.2").tcp(1, 2);
    const Bytes before = segment.bytes();
    EXPECT_NE(segment.syn().bytes(), before);
    EXPECT_NE(segment.set8(0, 9).bytes(), before);
    EXPECT_EQ(segment.bytes(), before);
    EXPECT_THROW((void)segment.options(1), std::logic_error);
}

}  // namespace
}  // namespace xdemux::test::packet_builder_test
