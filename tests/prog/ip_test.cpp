// SPDX-License-Identifier: BSD-2-Clause
// IPv4 and IPv6 headers with their malformed twins, and the walk over extension headers.
#include "support/expectation.h"

namespace xdemux::test::ip_test {
namespace {

const Expected closed_tcp = drops(REASON_CLOSED).at(PROTO_TCP, 80);
const Expected closed_udp = drops(REASON_CLOSED).at(PROTO_UDP, 53);

class Ipv4 : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }
};

class Ipv6 : public Ipv4 {};
class Extensions : public Ipv4 {};

TEST_F(Ipv4, FindsThePortsBehindAnyOptions) {
    for (std::size_t words = 0; words <= 10; words++) {
        SCOPED_TRACE(words);
        expect(ip4().options(words).tcp(peer_port, 80).syn(), closed_tcp);
        expect(ip4().options(words).udp(peer_port, 53), closed_udp);
        // The twin: the options are there, but the packet ends with them.
        expect(ip4().options(words).protocol(6), drops(REASON_BAD_TCP));
        expect(ip4().options(words).protocol(17), drops(REASON_BAD_UDP));
    }
}

TEST_F(Ipv4, DropsAHeaderThatIsCutAtAnyByte) {
    for (std::size_t size = 0; size < 20; size++) {
        SCOPED_TRACE(size);
        expect(tcp4(80).syn().cut(LayerKind::ipv4, size), drops(REASON_BAD_IPV4));
        expect(tcp4(80, beyond_ipv4).syn().cut(LayerKind::ipv4, size), drops(REASON_BAD_IPV4));
        expect(eth().vlan(7).ipv4(peer_ipv4, host_ipv4).shorten(LayerKind::ipv4, size), drops(REASON_BAD_IPV4));
    }
}

TEST_F(Ipv4, DropsAHeaderThatLies) {
    const auto with = [](std::size_t offset, std::uint8_t value) {
        return ip4().set8(offset, value).tcp(peer_port, 80).syn();
    };
    const auto length = [](std::uint16_t value) { return ip4().set16(2, value).tcp(peer_port, 80).syn(); };
    const Expected bad = drops(REASON_BAD_IPV4);
    expect_all({
        {"header length 0", with(0, 0x40), bad},
        {"header length 4", with(0, 0x41), bad},
        {"header length 16", with(0, 0x44), bad},
        {"version 0", with(0, 0x05), bad},
        {"version 5", with(0, 0x55), bad},
        {"version 6", with(0, 0x65), bad},
        {"header longer than the packet", with(0, 0x4b), bad},
        {"total length 0", length(0), bad},
        {"total length under the header", length(19), bad},
        {"total length over the frame by one", length(41), bad},
        {"total length 65535", length(65535), bad},
        {"options longer than the total length", ip4().options(2).set16(2, 27).tcp(peer_port, 80), bad},
        {"the same for another host", ip4(beyond_ipv4).set8(0, 0x44).tcp(peer_port, 80), bad},
        {"the same in a broadcast frame", eth(broadcast_mac).ipv4(peer_ipv4, host_ipv4).set8(0, 0x44), bad},
        {"an IPv6 packet's ethertype", eth().ethertype(0x86dd).payload(Bytes(40, 0x45)), drops(REASON_BAD_IPV6)},
    });
}

TEST_F(Ipv4, TakesThePacketsEndFromItsLengthNotFromTheFrame) {
    expect_all({
        {"padding", udp4(53).payload(1).pad_to(60), closed_udp},
        {"total length of the header: a TCP header in the padding", ip4().set16(2, 20).tcp(peer_port, 80).syn(),
         drops(REASON_BAD_TCP)},
        {"a UDP header in the padding", ip4().set16(2, 20).udp(peer_port, 53), drops(REASON_BAD_UDP)},
        {"TCP options in the padding", ip4().set16(2, 40).tcp(peer_port, 80).tcp_options(1), drops(REASON_BAD_TCP)},
        {"long padding", tcp4(80).syn().pad_to(1400), closed_tcp},
    });
}

TEST_F(Ipv6, DropsAHeaderThatIsCutAtAnyByte) {
    for (std::size_t size = 0; size < 40; size++) {
        SCOPED_TRACE(size);
        expect(tcp6(80).syn().cut(LayerKind::ipv6, size), drops(REASON_BAD_IPV6));
        expect(udp6(53, beyond_ipv6).cut(LayerKind::ipv6, size), drops(REASON_BAD_IPV6));
    }
}

TEST_F(Ipv6, DropsAHeaderThatLies) {
    const auto length = [](std::uint16_t value) { return ip6().set16(4, value).tcp(peer_port, 80).syn(); };
    expect_all({
        {"as it should be", tcp6(80).syn(), closed_tcp},
        {"version 4", ip6().set8(0, 0x40).tcp(peer_port, 80), drops(REASON_BAD_IPV6)},
        {"version 0", ip6().set8(0, 0x00).tcp(peer_port, 80), drops(REASON_BAD_IPV6)},
        {"version 15", ip6().set8(0, 0xf0).tcp(peer_port, 80), drops(REASON_BAD_IPV6)},
        {"payload over the frame by one", length(21), drops(REASON_BAD_IPV6)},
        {"payload 65535", length(65535), drops(REASON_BAD_IPV6)},
        {"payload under the TCP header", length(19), drops(REASON_BAD_TCP)},
        {"payload 0", length(0), drops(REASON_BAD_TCP)},
        {"an IPv4 packet's ethertype", eth().ethertype(0x0800).payload(Bytes(40, 0x65)), drops(REASON_BAD_IPV4)},
    });
}

TEST_F(Ipv6, TakesThePacketsEndFromItsLengthNotFromTheFrame) {
    expect(udp6(53).pad_to(80), closed_udp);
    expect(ip6().set16(4, 0).udp(peer_port, 53), drops(REASON_BAD_UDP));
}

TEST_F(Ipv6, OfNoStatedLengthBehindHopByHopOptionsIsWhatArrived) {
    // RFC 2675; ip6_rcv_core() asks for no jumbo option among them.
    expect(ip6().set16(4, 0).hop_by_hop().tcp(peer_port, 80).syn(), closed_tcp);
    expect(ip6().set16(4, 0).hop_by_hop().udp(peer_port, 53), closed_udp);
    expect(ip6().set16(4, 0).hop_by_hop().destination_options().tcp(peer_port, 80).syn(), closed_tcp);
    expect(ip6().set16(4, 0).hop_by_hop().tcp(peer_port, 80).shorten(LayerKind::tcp, 19), drops(REASON_BAD_TCP));
    // The twin: nothing else may say so.
    expect(ip6().set16(4, 0).destination_options().tcp(peer_port, 80).syn(), passes(REASON_BAD_EXTENSION));
}

TEST_F(Ipv4, ASourceRouteThatGoesOnPasses) {
    // RFC 791, 3.1: type, length, pointer, and the addresses that are left from the pointer on.
    const auto with = [](const Bytes& options) {
        Packet packet = ip4().options(options.size() / 4);
        for (std::size_t i = 0; i < options.size(); i++)
            packet = packet.set8(20 + i, options[i]);
        return packet.tcp(peer_port, 80).syn();
    };
    expect_all({
        {"loose", with({131, 7, 4, 192, 0, 2, 7, 0}), passes(REASON_OTHER_PROTOCOL)},
        {"strict, behind no-operations", with({1, 1, 137, 7, 4, 192, 0, 2, 7, 0, 0, 0}), passes(REASON_OTHER_PROTOCOL)},
        {"behind another option", with({148, 4, 0, 0, 131, 7, 4, 192, 0, 2, 7, 0}), passes(REASON_OTHER_PROTOCOL)},
        {"at its end", with({131, 7, 8, 192, 0, 2, 7, 0}), closed_tcp},
        {"behind the end of the options", with({0, 131, 7, 4, 192, 0, 2, 7}), closed_tcp},
        {"an option of no length", with({148, 0, 131, 7, 4, 192, 0, 2}), closed_tcp},
        {"no-operations to the end", with({1, 1, 1, 1}), closed_tcp},
    });
}

TEST_F(Extensions, AreWalkedToThePorts) {
    const auto syn = [](const Packet& p) { return p.tcp(peer_port, 80).syn(); };
    const auto dns = [](const Packet& p) { return p.udp(peer_port, 53); };
    expect_all({
        {"hop-by-hop", syn(ip6().hop_by_hop()), closed_tcp},
        {"long hop-by-hop", dns(ip6().hop_by_hop(7)), closed_udp},
        {"destination options", syn(ip6().destination_options()), closed_tcp},
        {"long destination options", dns(ip6().destination_options(31)), closed_udp},
        {"routing at its end", syn(ip6().routing(0, 2)), closed_tcp},
        {"authentication", syn(ip6().authentication()), closed_tcp},
        {"authentication of 24 bytes", dns(ip6().authentication(4)), closed_udp},
        {"an atomic fragment", syn(ip6().fragment6(1, 0, false)), closed_tcp},
        {"all in RFC 8200's order",
         syn(ip6()
                 .hop_by_hop()
                 .destination_options()
                 .routing(0)
                 .fragment6(1, 0, false)
                 .authentication()
                 .destination_options()),
         closed_tcp},
        {"destination options twice", dns(ip6().destination_options().destination_options()), closed_udp},
    });
}

TEST_F(Extensions, MayBeAsManyAsTheFrameHolds) {
    Packet packet = ip6();
    for (int i = 0; i < 9; i++)
        packet = packet.destination_options();
    expect(packet.tcp(peer_port, 80).syn(), closed_tcp);
    for (int i = 9; i < 180; i++)
        packet = packet.destination_options();
    expect(packet.tcp(peer_port, 80).syn(), closed_tcp);
    expect(packet.shorten(LayerKind::extension, 7), passes(REASON_BAD_EXTENSION));
}

TEST_F(Extensions, OutOfPlaceAreMalformed) {
    const auto syn = [](const Packet& p) { return p.tcp(peer_port, 80).syn(); };
    const Expected bad = passes(REASON_BAD_EXTENSION);
    expect_all({
        {"hop-by-hop second", syn(ip6().destination_options().hop_by_hop()), bad},
        {"hop-by-hop twice", syn(ip6().hop_by_hop().hop_by_hop()), bad},
        {"hop-by-hop behind a fragment header", syn(ip6().fragment6(1, 0, true).hop_by_hop()), bad},
        {"two fragment headers", syn(ip6().fragment6(1, 0, true).fragment6(2, 0, true)), bad},
    });
}

TEST_F(Extensions, ThatAreCutAreMalformed) {
    const Expected bad = passes(REASON_BAD_EXTENSION);
    expect(ip6().hop_by_hop().shorten(LayerKind::extension, 0), bad);
    expect(ip6().destination_options().shorten(LayerKind::extension, 0), bad);
    for (std::size_t size = 1; size < 8; size++) {
        SCOPED_TRACE(size);
        for (const Packet& whole :
             {ip6().hop_by_hop(), ip6().destination_options(), ip6().routing(0), ip6().fragment6(1, 0, true),
              ip6().authentication(), ip6().destination_options().destination_options()})
            expect(whole.shorten(LayerKind::extension, size), bad);
    }
}

TEST_F(Extensions, LongerThanThePacketAreMalformed) {
    const Expected bad = passes(REASON_BAD_EXTENSION);
    expect_all({
        {"hop-by-hop", ip6().hop_by_hop().set8(1, 3).tcp(peer_port, 80).syn(), bad},
        {"destination options", ip6().destination_options().set8(1, 255).tcp(peer_port, 80).syn(), bad},
        {"routing", ip6().routing(0).set8(1, 3).tcp(peer_port, 80).syn(), bad},
        {"authentication", ip6().authentication().set8(1, 255).tcp(peer_port, 80).syn(), bad},
        {"into the padding", ip6().hop_by_hop().set8(1, 1).protocol(6).pad_to(120), bad},
    });
}

TEST_F(Extensions, EndingWithThePacketLeaveNoRoomForAHeader) {
    expect(ip6().hop_by_hop().protocol(6), drops(REASON_BAD_TCP));
    expect(ip6().destination_options().protocol(17), drops(REASON_BAD_UDP));
    // The first header swallows the TCP header.
    expect(ip6().destination_options().set8(1, 2).tcp(peer_port, 80).payload(4), drops(REASON_BAD_TCP));
}

TEST_F(Extensions, RoutingOnwardsPasses) {
    expect(ip6().routing(1, 2).tcp(peer_port, 80).syn(), passes(REASON_OTHER_PROTOCOL));
    expect(ip6().destination_options().routing(255).tcp(peer_port, 80).syn(), passes(REASON_OTHER_PROTOCOL));
    expect(ip6().routing(0).routing(1).tcp(peer_port, 80).syn(), passes(REASON_OTHER_PROTOCOL));
}

}  // namespace
}  // namespace xdemux::test::ip_test
