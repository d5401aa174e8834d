// SPDX-License-Identifier: BSD-2-Clause
// Ethernet and VLAN tags, what is not IP, and what goes to a group.
#include <stdexcept>

#include "support/expectation.h"

namespace xdemux::test::ethernet_test {
namespace {

constexpr std::uint16_t service_tag = 0x88a8;  // 802.1ad

class Ethernet : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }
};

TEST_F(Ethernet, PassesWhatIsNotIp) {
    expect_all({
        {"ARP", eth(broadcast_mac).ethertype(0x0806).payload(28), passes(REASON_NOT_IP)},
        {"ARP behind a tag", eth().vlan(7).ethertype(0x0806).payload(28), passes(REASON_NOT_IP)},
        {"LLDP", eth("01:80:c2:00:00:0e").ethertype(0x88cc).payload(46), passes(REASON_NOT_IP)},
        {"802.3 with a length", eth().ethertype(46).payload(46), passes(REASON_NOT_IP)},
        {"MPLS", eth().ethertype(0x8847).payload(46), passes(REASON_NOT_IP)},
        {"an empty frame", eth(), passes(REASON_NOT_IP)},
    });
}

TEST_F(Ethernet, LooksBehindTwoTagsOfEitherKind) {
    const auto inner = [](const Packet& outer) { return outer.ipv4(peer_ipv4, host_ipv4).tcp(peer_port, 80).syn(); };
    const Expected closed = drops(REASON_CLOSED).at(PROTO_TCP, 80);
    expect_all({
        {"802.1Q", inner(eth().vlan(7)), closed},
        {"802.1ad", inner(eth().vlan(7, service_tag)), closed},
        {"802.1ad over 802.1Q", inner(eth().vlan(7, service_tag).vlan(8)), closed},
        {"802.1Q twice", inner(eth().vlan(7).vlan(8)), closed},
        {"priority alone", inner(eth().vlan(0xe000)), closed},
        {"IPv6 behind a tag", eth().vlan(7).ipv6(peer_ipv6, host_ipv6).udp(peer_port, 53),
         drops(REASON_CLOSED).at(PROTO_UDP, 53)},
        {"IPv6 behind two", eth().vlan(7, service_tag).vlan(7).ipv6(peer_ipv6, host_ipv6).tcp(peer_port, 80).syn(),
         closed},
    });
}

TEST_F(Ethernet, PassesThreeTagsAsNotIp) {
    expect(eth().vlan(1).vlan(2).vlan(3).ipv4(peer_ipv4, host_ipv4).tcp(peer_port, 80).syn(), passes(REASON_NOT_IP));
    expect(eth().vlan(1, service_tag).vlan(2, service_tag).vlan(3).ipv6(peer_ipv6, host_ipv6).udp(peer_port, 80),
           passes(REASON_NOT_IP));
}

TEST_F(Ethernet, DropsATagThatIsCutAtAnyByte) {
    for (std::size_t size = 0; size < 4; size++) {
        SCOPED_TRACE(size);
        expect(eth().vlan(7).cut(LayerKind::vlan, size), drops(REASON_BAD_VLAN));
        expect(eth().vlan(7, service_tag).cut(LayerKind::vlan, size), drops(REASON_BAD_VLAN));
        expect(eth().vlan(7).vlan(8).cut(LayerKind::vlan, size), drops(REASON_BAD_VLAN));
    }
}

TEST_F(Ethernet, ShorterThanItsHeaderIsRefusedByTheKernelItself) {
    // So that REASON_BAD_ETHERNET, which the verifier's bounds check asks for, is no test's to reach.
    for (const std::size_t size : {0U, 1U, 12U, 13U})
        EXPECT_THROW(program().run(eth().cut(LayerKind::ethernet, size)), std::runtime_error);
    EXPECT_TRUE(program().reasons().empty());
}

TEST_F(Ethernet, PassesGroupFrames) {
    const auto ip = [](std::string_view mac, std::string_view destination) {
        return destination.find(':') == std::string_view::npos ? eth(mac).ipv4(peer_ipv4, destination)
                                                               : eth(mac).ipv6(peer_ipv6, destination);
    };
    expect_all({
        {"IPv4 multicast", ip("01:00:5e:00:00:fb", "224.0.0.251").udp(5353, 5353), passes(REASON_MULTICAST)},
        {"IPv6 multicast", ip("33:33:00:00:00:fb", "ff02::fb").udp(5353, 5353), passes(REASON_MULTICAST)},
        {"limited broadcast: DHCP", ip(broadcast_mac, "255.255.255.255").udp(67, 68), passes(REASON_MULTICAST)},
        {"subnet broadcast", ip(broadcast_mac, "192.0.2.255").udp(138, 138), passes(REASON_MULTICAST)},
        {"port zero in a broadcast frame", ip(broadcast_mac, "192.0.2.255").udp(peer_port, 0),
         passes(REASON_MULTICAST)},
    });
}

TEST_F(Ethernet, LooksUpTheHostsAddressInAGroupFrameToo) {
    // Sockets hear such packets (udp_rcv() looks at the IP address alone), so rules hold for them.
    for (const std::string_view mac : {broadcast_mac, std::string_view("33:33:00:00:00:01")}) {
        expect(eth(mac).ipv4(peer_ipv4, host_ipv4).tcp(peer_port, 80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
        expect(eth(mac).ipv6(peer_ipv6, host_ipv6).udp(peer_port, 53), drops(REASON_CLOSED).at(PROTO_UDP, 53));
        expect(eth(mac).ipv4(peer_ipv4, host_ipv4).udp(peer_port, 0), drops(REASON_PORT_ZERO).at(PROTO_UDP, 0));
    }
}

TEST_F(Ethernet, LeavesFramesForAnotherStationAlone) {
    // A bridge sends them on, whatever their IP address.
    constexpr std::string_view other_mac = "02:00:00:00:00:99";
    const auto other4 = eth(other_mac).ipv4(peer_ipv4, host_ipv4);
    program().add_wildcard({.proto = PROTO_UDP, .port = 54, .target = TARGET_DROP, .id = 2}, FAMILY_DUAL);
    const std::vector<Case> cases = {
        {"a closed port", other4.tcp(peer_port, 80).syn(), passes(REASON_NOT_LOCAL)},
        {"a closed port, IPv6", eth(other_mac).ipv6(peer_ipv6, host_ipv6).tcp(peer_port, 80).syn(),
         passes(REASON_NOT_LOCAL)},
        {"a closed port behind options", other4.options(1).tcp(peer_port, 80).syn(), passes(REASON_NOT_LOCAL)},
        {"a listener that drops", other4.udp(peer_port, 54), passes(REASON_NOT_LOCAL)},
        {"a tag", eth(other_mac).vlan(7).ipv4(peer_ipv4, host_ipv4).tcp(peer_port, 80).syn(), passes(REASON_NOT_LOCAL)},
        {"IPv4 that is malformed", eth(other_mac).ipv4(peer_ipv4, host_ipv4).set8(0, 0x55).tcp(peer_port, 80),
         passes(REASON_BAD_IPV4)},
        {"UDP that is malformed", other4.udp(peer_port, 53).set16(4, 7), passes(REASON_BAD_UDP)},
        {"the twin", tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80)},
    };
    for (int round = 0; round < 2; round++)  // what is remembered of one address is not another's
        expect_all(cases);
    program().add_link(other_mac);
    wait_for_next_jiffy();
    expect(other4.tcp(peer_port, 80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
}

TEST_F(Ethernet, LeavesLinkLocalPacketsToDevicesAboveThisOne) {
    // Their sockets are bound to those, where the look-up on this one does not find them.
    const auto link_local = [](std::uint16_t port) {
        return eth().ipv6("fe80::99", "fe80::1").tcp(peer_port, port).syn();
    };
    program().add_local("fe80::1");
    expect(link_local(80), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    program().add_link(host_mac, LOCAL_BY_STACKED_LINK);
    program().add_wildcard({.proto = PROTO_TCP, .port = 81, .target = TARGET_DROP, .id = 2}, FAMILY_DUAL);
    wait_for_next_jiffy();
    for (int round = 0; round < 2; round++) {
        expect(link_local(80), passes(REASON_NOT_LOCAL));
        expect(tcp6(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
        expect(tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
        expect(link_local(81), drops(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 81).by(2));
    }
}

TEST_F(Ethernet, LooksBehindAnyPriorityTags) {
    const auto tagged = [](std::initializer_list<std::uint16_t> ids) {
        Packet packet = eth();
        for (const std::uint16_t id : ids)
            packet = packet.vlan(id);
        return packet.ipv4(peer_ipv4, host_ipv4).tcp(peer_port, 80).syn();
    };
    const Expected closed = drops(REASON_CLOSED).at(PROTO_TCP, 80);
    expect_all({
        {"three", tagged({0, 0, 0}), closed},
        {"with two VLANs", tagged({0, 7, 0, 8}), closed},
        {"eight", tagged({0, 0, 0, 0, 0, 0, 0, 0}), closed},
        {"eleven", tagged({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), passes(REASON_NOT_IP)},
        {"three VLANs", tagged({7, 8, 9}), passes(REASON_NOT_IP)},
    });
    expect(eth().vlan(7).ethertype(0).payload(Bytes(40)), passes(REASON_NOT_IP));
}

TEST_F(Ethernet, PassesWhatIsNotThisHosts) {
    expect_all({
        {"IPv4", tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL)},
        {"IPv6", udp6(53, beyond_ipv6), passes(REASON_NOT_LOCAL)},
        {"port zero", udp4(0, beyond_ipv4), passes(REASON_NOT_LOCAL)},
        {"a multicast address in a unicast frame", udp4(5353, "224.0.0.251"), passes(REASON_NOT_LOCAL)},
        {"the host's next address", tcp4(80, "192.0.2.2").syn(), passes(REASON_NOT_LOCAL)},
        {"an address that differs in its last word", tcp6(80, "2001:db8::2").syn(), passes(REASON_NOT_LOCAL)},
        {"an address that differs in its first word", tcp6(80, "2001:db9::1").syn(), passes(REASON_NOT_LOCAL)},
    });
}

TEST_F(Ethernet, AsksTheTrieBehindTheFirstFewAddresses) {
    expect(tcp4(80, "10.1.2.3").syn(), passes(REASON_NOT_LOCAL));
    expect(tcp6(80, "2001:db8:a::9").syn(), passes(REASON_NOT_LOCAL));
    program().add_local_route("10.1.0.0", 16);
    program().add_local_route("2001:db8:a::", 64);
    expect(tcp4(80, "10.1.2.3").syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    expect(tcp6(80, "2001:db8:a::9").syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    expect(tcp4(80, "10.2.2.3").syn(), passes(REASON_NOT_LOCAL));
    expect(tcp6(80, "2001:db8:b::9").syn(), passes(REASON_NOT_LOCAL));
    for (const std::string_view address : {"192.0.2.11", "192.0.2.12", "192.0.2.13"})
        program().add_local(address);
    for (const std::string_view address : {"192.0.2.1", "192.0.2.11", "192.0.2.12", "192.0.2.13"})
        expect(tcp4(80, address).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    for (const std::string_view address : {"2001:db8::11", "2001:db8::12"})
        program().add_local(address);
    for (const std::string_view address : {"2001:db8::1", "2001:db8::11", "2001:db8::12"})
        expect(tcp6(80, address).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
}

TEST_F(Ethernet, PassesOtherProtocols) {
    expect_all({
        {"GRE", ip4().protocol(47).payload(20), passes(REASON_OTHER_PROTOCOL)},
        {"SCTP", ip4().protocol(132).payload(20), passes(REASON_OTHER_PROTOCOL)},
        {"IPv4 in IPv4", ip4().protocol(4).payload(40), passes(REASON_OTHER_PROTOCOL)},
        {"ESP over IPv6", ip6().protocol(50).payload(20), passes(REASON_OTHER_PROTOCOL)},
        {"no next header", ip6().protocol(59), passes(REASON_OTHER_PROTOCOL)},
        {"UDP-Lite", ip6().protocol(136).payload(8), passes(REASON_OTHER_PROTOCOL)},
        {"ICMPv6 over IPv4", ip4().protocol(58).payload(8), passes(REASON_OTHER_PROTOCOL)},
        {"ICMP over IPv6", ip6().protocol(1).payload(8), passes(REASON_OTHER_PROTOCOL)},
        {"hop-by-hop options' number over IPv4", ip4().protocol(0).payload(28), passes(REASON_OTHER_PROTOCOL)},
    });
}

}  // namespace
}  // namespace xdemux::test::ethernet_test
