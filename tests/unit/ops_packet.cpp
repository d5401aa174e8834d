// SPDX-License-Identifier: BSD-2-Clause
// The frames that explain asks about, and the words for the contract's numbers.
#include <set>
#include <string>

#include <gmock/gmock.h>

#include <xdemux/ops/packet.h>
#include <xdemux/ops/snapshot.h>

namespace xdemux::test::ops_packet {
namespace {

using Frame = std::vector<std::uint8_t>;

PacketSpec spec(Proto proto, const char* source, const char* destination) {
    PacketSpec out;
    out.proto = proto;
    out.source = SocketAddress::parse(source, proto).value();
    out.destination = SocketAddress::parse(destination, proto).value();
    return out;
}

/// The one's complement sum of what a checksum covers, the checksum included: 0xffff where it is right.
std::uint32_t sum(const Frame& frame, std::size_t from, std::size_t to, std::uint32_t start = 0) {
    for (std::size_t i = from; i < to; ++i)
        start += (i - from) % 2 == 0 ? static_cast<std::uint32_t>(frame[i]) << 8U : frame[i];
    while (start > 0xffffU)
        start = (start & 0xffffU) + (start >> 16U);
    return start;
}

TEST(Packet, tcp_over_ipv4_is_whole) {
    const auto frame = build_packet(spec(Proto::tcp, "198.51.100.7:50000", "192.0.2.1:443")).value();
    ASSERT_EQ(frame.size(), 14U + 20 + 20);
    EXPECT_EQ(frame[12], 0x08);
    EXPECT_EQ(frame[47], tcp_syn);
    EXPECT_EQ(sum(frame, 14, 34), 0xffffU);
    EXPECT_EQ(sum(frame, 26, frame.size(), 6 + 20), 0xffffU);
    EXPECT_EQ(frame[36] << 8 | frame[37], 443);
}

TEST(Packet, a_fragment_is_the_first_with_its_ports_or_a_later_one_without) {
    PacketSpec first = spec(Proto::udp, "198.51.100.7:50000", "192.0.2.1:53");
    first.part = PacketPart::first_fragment;
    auto frame = build_packet(first).value();
    EXPECT_EQ(frame[20] << 8 | frame[21], 0x2000) << "more fragments, offset 0 (RFC 791)";
    EXPECT_EQ(frame[36] << 8 | frame[37], 53);
    EXPECT_EQ(sum(frame, 14, 34), 0xffffU);
    first.part = PacketPart::later_fragment;
    frame = build_packet(first).value();
    EXPECT_EQ((frame[20] << 8 | frame[21]) & 0x2000, 0) << "the last";
    EXPECT_GT((frame[20] << 8 | frame[21]) & 0x1fff, 0);

    PacketSpec ipv6 = spec(Proto::tcp, "[2001:db8::7]:50000", "[2001:db8::1]:443");
    ipv6.part = PacketPart::first_fragment;
    frame = build_packet(ipv6).value();
    EXPECT_EQ(frame[20], 44) << "a fragment header (RFC 8200, 4.5)";
    EXPECT_EQ(frame[54], 6);
    EXPECT_EQ(frame[56] << 8 | frame[57], 1) << "offset 0, more";
    EXPECT_EQ(frame[18] << 8 | frame[19], 8 + 20);
    EXPECT_EQ(frame[64] << 8 | frame[65], 443);
    ipv6.part = PacketPart::later_fragment;
    frame = build_packet(ipv6).value();
    EXPECT_EQ((frame[56] << 8 | frame[57]) & 7, 0);
    EXPECT_GT((frame[56] << 8 | frame[57]) >> 3, 0);
}

TEST(Packet, flags_and_fragments_have_one_word_each_way) {
    for (const char* text : {"syn", "syn,ack", "fin,psh,urg", "none"})
        EXPECT_EQ(tcp_flags_text(parse_tcp_flags(text).value()), text);
    EXPECT_EQ(parse_packet_part("first").value(), PacketPart::first_fragment);
    EXPECT_EQ(packet_part_name(parse_packet_part("later").value()), "later");
    EXPECT_EQ(parse_packet_part("whole").error().kind(), ErrorKind::usage);
}

TEST(Packet, udp_over_ipv6_is_whole) {
    const auto frame = build_packet(spec(Proto::udp, "[2001:db8::7]:50000", "[2001:db8::1]:53")).value();
    ASSERT_EQ(frame.size(), 14U + 40 + 8);
    EXPECT_EQ(frame[12] << 8 | frame[13], 0x86dd);
    EXPECT_EQ(frame[20], 17);
    EXPECT_EQ(sum(frame, 22, frame.size(), 17 + 8), 0xffffU);
}

TEST(Packet, multicast_goes_to_a_multicast_address) {
    const auto ipv4 = build_packet(spec(Proto::udp, "192.0.2.1:1", "239.129.2.3:5")).value();
    EXPECT_THAT(Frame(ipv4.begin(), ipv4.begin() + 6), ::testing::ElementsAre(0x01, 0, 0x5e, 0x01, 2, 3));
    const auto ipv6 = build_packet(spec(Proto::udp, "[2001:db8::7]:1", "[ff02::1:2]:5")).value();
    EXPECT_THAT(Frame(ipv6.begin(), ipv6.begin() + 6), ::testing::ElementsAre(0x33, 0x33, 0, 1, 0, 2));
}

TEST(Packet, ends_of_two_families_are_refused) {
    const auto mixed = build_packet(spec(Proto::udp, "[2001:db8::7]:1", "192.0.2.1:1"));
    ASSERT_FALSE(mixed);
    EXPECT_EQ(mixed.error().kind(), ErrorKind::usage);
    EXPECT_EQ(mixed.error().message(), "[2001:db8::7]:1 and 192.0.2.1:1 are of different families");
}

TEST(Packet, flags_are_read_by_name) {
    EXPECT_EQ(parse_tcp_flags("syn").value(), tcp_syn);
    EXPECT_EQ(parse_tcp_flags("syn,ack").value(), tcp_syn | tcp_ack);
    EXPECT_EQ(parse_tcp_flags("none").value(), 0);
    for (const auto* wrong : {"", "syn,", "SYN", "syn ack"})
        EXPECT_FALSE(parse_tcp_flags(wrong)) << wrong;
}

TEST(Names, every_reason_and_verdict_has_its_own) {
    std::set<std::string_view> names;
    for (unsigned reason = 0; reason < contract::REASON_COUNT; ++reason)
        names.insert(reason_name(static_cast<contract::reason>(reason)));
    EXPECT_EQ(names.size(), contract::REASON_COUNT);
    EXPECT_EQ(reason_name(contract::REASON_LISTENER_ALL_PORTS), "listener_all_ports");
    EXPECT_EQ(reason_name(contract::REASON_TARGET_FALLBACK), "target_fallback");
    EXPECT_EQ(reason_name(contract::REASON_FRAGMENT_ORPHAN), "fragment_orphan");
    EXPECT_EQ(reason_name(contract::REASON_OTHER_PROTOCOL), "other_protocol");
    EXPECT_EQ(reason_name(contract::REASON_BAD_ICMP), "bad_icmp");
    EXPECT_EQ(verdict_name(contract::VERDICT_STEER), "steer");
}

}  // namespace
}  // namespace xdemux::test::ops_packet
