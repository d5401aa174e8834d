// SPDX-License-Identifier: BSD-2-Clause
// Answers, byte by byte: what RFC 9293, RFC 1122 and RFC 4443 ask for, made here by another builder than the program's.
#include "support/expectation.h"

namespace xdemux::test::reject_test {
namespace {

constexpr std::uint16_t tcp_port = 80, udp_port = 53;
// RFC 1812, 4.3.2.3 and RFC 4443, 2.4 (c), less the error's own headers.
constexpr std::size_t quote_max4 = 576 - 20 - 8, quote_max6 = 1280 - 40 - 8;

const Expected tcp_rejected = rejects(REASON_CLOSED).at(PROTO_TCP, tcp_port);
const Expected udp_rejected = rejects(REASON_CLOSED).at(PROTO_UDP, udp_port);
const Expected tcp_dropped = drops(REASON_CLOSED).at(PROTO_TCP, tcp_port);
const Expected udp_dropped = drops(REASON_CLOSED).at(PROTO_UDP, udp_port);

Packet back() {
    return eth(peer_mac, host_mac);
}

Packet reset_of(const Packet& to) {
    return to.tcp(tcp_port, peer_port).rst().window(0);
}

Packet reset4(const Packet& outer = back()) {
    return reset_of(outer.ipv4(host_ipv4, peer_ipv4).dont_fragment());
}

Packet reset6(const Packet& outer = back()) {
    return reset_of(outer.ipv6(host_ipv6, peer_ipv6));
}

Packet unreachable4(const Packet& rejected, const Packet& outer = back()) {
    return outer.ipv4(host_ipv4, peer_ipv4).dont_fragment().icmp(3, 3).quoting(rejected, quote_max4);
}

Packet unreachable6(const Packet& rejected, const Packet& outer = back()) {
    return outer.ipv6(host_ipv6, peer_ipv6).icmpv6(1, 4).quoting(rejected, quote_max6);
}

class Reject : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_REJECT)); }
};

class Reset : public Reject {};
class Unreachable : public Reject {};
class NoAnswer : public Reject {};
class RejectLimit : public ProgTest {};

TEST_F(Reset, AcknowledgesWhatOccupiesSequenceNumbers) {
    const auto without_ack = [&](const Packet& segment, const Packet& reply, std::uint32_t acknowledged) {
        expect_frame(segment, tcp_rejected, reply.ack(acknowledged));
    };
    without_ack(tcp4(tcp_port).seq(1000).syn(), reset4(), 1001);
    without_ack(tcp6(tcp_port).seq(1000).syn(), reset6(), 1001);
    without_ack(tcp4(tcp_port).seq(1000).syn().tcp_options(10), reset4(), 1001);
    without_ack(tcp4(tcp_port).seq(1000).syn().payload(500), reset4(), 1501);
    without_ack(tcp6(tcp_port).seq(1000).syn().tcp_options(3).payload(7), reset6(), 1008);
    without_ack(tcp4(tcp_port).seq(1000).fin(), reset4(), 1001);
    without_ack(tcp4(tcp_port).seq(1000).syn().fin().payload(1), reset4(), 1003);
    without_ack(tcp4(tcp_port).seq(1000), reset4(), 1000);
    without_ack(tcp4(tcp_port).seq(1000).payload(3), reset4(), 1003);
    without_ack(tcp4(tcp_port).seq(0xffffffff).syn(), reset4(), 0);
    without_ack(tcp6(tcp_port).seq(0xfffffff0).syn().payload(32), reset6(), 0x11);
}

TEST_F(Reset, TakesItsSequenceNumberFromAnAcknowledgement) {
    expect_frame(tcp4(tcp_port).seq(5).ack(77000), tcp_rejected, reset4().seq(77000));
    expect_frame(tcp6(tcp_port).seq(5).ack(77000), tcp_rejected, reset6().seq(77000));
    expect_frame(tcp4(tcp_port).seq(5).ack(77000).payload(900), tcp_rejected, reset4().seq(77000));
    expect_frame(tcp4(tcp_port).seq(5).ack(77000).fin(), tcp_rejected, reset4().seq(77000));
    expect_frame(tcp6(tcp_port).seq(5).ack(0xffffffff).syn(), tcp_rejected, reset6().seq(0xffffffff));
    expect_frame(tcp4(tcp_port).seq(5).ack(0), tcp_rejected, reset4().seq(0));
}

TEST_F(Reset, LeavesOptionsExtensionsAndPaddingBehind) {
    expect_frame(ip4().options(10).tcp(peer_port, tcp_port).seq(1).syn().payload(4), tcp_rejected, reset4().ack(6));
    expect_frame(ip4().set8(1, 0xb8).tcp(peer_port, tcp_port).seq(1).syn(), tcp_rejected, reset4().ack(2));
    expect_frame(tcp4(tcp_port).seq(1).syn().pad_to(200), tcp_rejected, reset4().ack(2));
    expect_frame(ip6().hop_by_hop().destination_options(2).tcp(peer_port, tcp_port).seq(1).syn(), tcp_rejected,
                 reset6().ack(2));
    expect_frame(ip6().fragment6(9, 0, false).tcp(peer_port, tcp_port).seq(1).syn().payload(2), tcp_rejected,
                 reset6().ack(4));
    expect_frame(tcp4(tcp_port).seq(1).syn().payload(1400), tcp_rejected, reset4().ack(1402));
}

TEST_F(Reset, KeepsVlanTags) {
    const auto tagged = [](const Packet& outer) {
        return outer.ipv4(peer_ipv4, host_ipv4).tcp(peer_port, tcp_port).seq(1).syn();
    };
    expect_frame(tagged(eth().vlan(0xe007)), tcp_rejected, reset4(back().vlan(0xe007)).ack(2));
    expect_frame(tagged(eth().vlan(7, 0x88a8).vlan(8)), tcp_rejected, reset4(back().vlan(7, 0x88a8).vlan(8)).ack(2));
    expect_frame(eth().vlan(7).vlan(8).ipv6(peer_ipv6, host_ipv6).tcp(peer_port, tcp_port).seq(1).syn(), tcp_rejected,
                 reset6(back().vlan(7).vlan(8)).ack(2));
}

TEST_F(Reset, GoesToPrivateAndLinkLocalSources) {
    for (const std::string_view source : {"10.0.0.1", "169.254.3.4", "223.255.255.255", "126.0.0.1", "128.0.0.1"})
        expect_frame(eth().ipv4(source, host_ipv4).tcp(peer_port, tcp_port).seq(1).syn(), tcp_rejected,
                     reset_of(back().ipv4(host_ipv4, source).dont_fragment()).ack(2));
    for (const std::string_view source : {"fe80::1", "fd00::1", "2001:db8::", "::2"})
        expect_frame(eth().ipv6(source, host_ipv6).tcp(peer_port, tcp_port).seq(1).syn(), tcp_rejected,
                     reset_of(back().ipv6(host_ipv6, source)).ack(2));
}

TEST_F(Unreachable, QuotesThePacketWhole) {
    for (const std::size_t size : {0U, 1U, 2U, 3U, 4U, 5U, 99U, 500U, 520U}) {
        SCOPED_TRACE(size);
        const Packet over4 = udp4(udp_port).payload(size), over6 = udp6(udp_port).payload(size);
        expect_frame(over4, udp_rejected, unreachable4(over4));
        expect_frame(over6, udp_rejected, unreachable6(over6));
    }
}

TEST_F(Unreachable, EndsAtTheLengthThatEveryHostTakes) {
    for (const std::size_t size : {519U, 520U, 521U, 522U, 1183U, 1184U, 1185U, 1186U, 1400U}) {
        SCOPED_TRACE(size);
        const Packet over4 = udp4(udp_port).payload(size), over6 = udp6(udp_port).payload(size);
        expect_frame(over4, udp_rejected, unreachable4(over4));
        expect_frame(over6, udp_rejected, unreachable6(over6));
    }
    EXPECT_EQ(unreachable4(udp4(udp_port).payload(1400)).bytes().size(), 14U + 576U);
    EXPECT_EQ(unreachable6(udp6(udp_port).payload(1400)).bytes().size(), 14U + 1280U);
}

TEST_F(Unreachable, QuotesOptionsAndExtensions) {
    for (std::size_t words = 1; words <= 10; words++) {
        const Packet datagram = ip4().options(words).udp(peer_port, udp_port).payload(30);
        expect_frame(datagram, udp_rejected, unreachable4(datagram));
    }
    const Packet full = ip4().options(10).udp(peer_port, udp_port).payload(1000);
    expect_frame(full, udp_rejected, unreachable4(full));
    const Packet extended = ip6().hop_by_hop().destination_options(3).udp(peer_port, udp_port).payload(33);
    expect_frame(extended, udp_rejected, unreachable6(extended));
}

TEST_F(Unreachable, LeavesPaddingOut) {
    const Packet datagram = udp4(udp_port).payload(1);
    expect_frame(datagram.pad_to(60), udp_rejected, unreachable4(datagram));
    const Packet over6 = udp6(udp_port).payload(3);
    expect_frame(over6.pad_to(200), udp_rejected, unreachable6(over6));
}

TEST_F(Unreachable, KeepsVlanTags) {
    const Packet one = eth().vlan(0x2007).ipv4(peer_ipv4, host_ipv4).udp(peer_port, udp_port).payload(11);
    expect_frame(one, udp_rejected, unreachable4(one, back().vlan(0x2007)));
    const Packet two = eth().vlan(7, 0x88a8).vlan(8).ipv6(peer_ipv6, host_ipv6).udp(peer_port, udp_port).payload(11);
    expect_frame(two, udp_rejected, unreachable6(two, back().vlan(7, 0x88a8).vlan(8)));
    const Packet both = eth().vlan(7).vlan(8).ipv4(peer_ipv4, host_ipv4).udp(peer_port, udp_port).payload(900);
    expect_frame(both, udp_rejected, unreachable4(both, back().vlan(7).vlan(8)));
}

TEST_F(Unreachable, AnswersTheFirstFragmentOfADatagram) {
    const Packet first4 = ip4().fragment(7, 0, true).udp(peer_port, udp_port).set16(4, 3000).payload(800);
    expect_frame(first4, udp_rejected, unreachable4(first4));
    const Packet first6 = ip6().fragment6(7, 0, true).udp(peer_port, udp_port).set16(4, 3000).payload(800);
    expect_frame(first6, udp_rejected, unreachable6(first6));
}

TEST_F(NoAnswer, ToAReset) {
    expect_all({
        {"RST", tcp4(tcp_port).rst(), tcp_dropped},
        {"RST with ACK", tcp4(tcp_port).rst().ack(1), tcp_dropped},
        {"RST over IPv6", tcp6(tcp_port).rst(), tcp_dropped},
        {"RST with SYN", tcp6(tcp_port).rst().syn(), tcp_dropped},
        {"every flag", tcp4(tcp_port).flags(0xff), tcp_dropped},
        {"every flag but RST", tcp4(tcp_port).flags(0xfb), tcp_rejected},
    });
}

TEST_F(NoAnswer, ToASourceThatIsNotOneHost) {
    for (const std::string_view source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1",
                                          "239.255.255.255", "240.0.0.1", "255.255.255.255"}) {
        SCOPED_TRACE(source);
        expect(eth().ipv4(source, host_ipv4).tcp(peer_port, tcp_port).syn(), tcp_dropped);
        expect(eth().ipv4(source, host_ipv4).udp(peer_port, udp_port), udp_dropped);
    }
    for (const std::string_view source : {"::", "::1", "ff02::1", "ff0e::1"}) {
        SCOPED_TRACE(source);
        expect(eth().ipv6(source, host_ipv6).tcp(peer_port, tcp_port).syn(), tcp_dropped);
        expect(eth().ipv6(source, host_ipv6).udp(peer_port, udp_port), udp_dropped);
    }
}

TEST_F(NoAnswer, ToAGroupFrame) {
    // A listener that names the address speaks for it in such a frame too, but never answers.
    for (const auto proto : {PROTO_TCP, PROTO_UDP})
        program().add_exact({.proto = proto, .port = 9, .target = TARGET_REJECT, .id = 5}, host_ipv4);
    for (const std::string_view mac : {broadcast_mac, std::string_view("01:00:5e:00:00:01")}) {
        expect(eth(mac).ipv4(peer_ipv4, host_ipv4).tcp(peer_port, 9).syn(),
               drops(REASON_LISTENER_EXACT).at(PROTO_TCP, 9).by(5));
        expect(eth(mac).ipv4(peer_ipv4, host_ipv4).udp(peer_port, 9),
               drops(REASON_LISTENER_EXACT).at(PROTO_UDP, 9).by(5));
    }
    expect(tcp4(9).syn(), rejects(REASON_LISTENER_EXACT).at(PROTO_TCP, 9).by(5));
}

TEST_F(NoAnswer, ForAnAddressThatIsNobodys) {
    // A network's broadcast address is in the prefix that the listener names, and no host's.
    program().add_prefix({.proto = PROTO_UDP, .port = 9, .target = TARGET_REJECT, .id = 5}, "192.0.2.0", 24);
    program().add_local_route("192.0.2.0", 24, LOCAL_BY_LISTENER);
    expect(udp4(9, "192.0.2.255"), drops(REASON_LISTENER_PREFIX).at(PROTO_UDP, 9).by(5));
    expect(udp4(9), rejects(REASON_LISTENER_PREFIX).at(PROTO_UDP, 9).by(5));
    expect(eth("02:00:00:00:00:99").ipv4(peer_ipv4, host_ipv4).udp(peer_port, 9),
           drops(REASON_LISTENER_PREFIX).at(PROTO_UDP, 9).by(5));
}

TEST_F(NoAnswer, ToAPieceOfASegment) {
    expect(ip4().fragment(7, 0, true).tcp(peer_port, tcp_port).syn().payload(400), tcp_dropped);
    expect(ip6().fragment6(7, 0, true).tcp(peer_port, tcp_port).syn().payload(400), tcp_dropped);
}

TEST_F(NoAnswer, ToAnIcmpError) {
    const Packet sent4 = eth().ipv4(host_ipv4, peer_ipv4).udp(udp_port, peer_port);
    const Packet sent6 = eth().ipv6(host_ipv6, peer_ipv6).tcp(tcp_port, peer_port);
    expect(ip4().icmp(3, 3).quoting(sent4), passes(REASON_ICMP_ERROR));
    expect(ip6().icmpv6(1, 4).quoting(sent6), passes(REASON_ICMP_ERROR));
}

TEST_F(NoAnswer, ToWhatIsMalformed) {
    expect(tcp4(tcp_port).set8(12, 0x40), drops(REASON_BAD_TCP));
    expect(udp6(udp_port).set16(4, 7), drops(REASON_BAD_UDP));
}

TEST_F(RejectLimit, IsABucketOfOneSecond) {
    contract::settings settings = enforce(VERDICT_REJECT);
    settings.rejects_per_second = 4;
    load(settings);
    program().set_reject_limit({1'000'000'000, coarse_now_ns()});
    for (int i = 0; i < 4; i++)
        expect(tcp4(tcp_port).syn(), tcp_rejected);
    // A quarter of a second's credit is one answer.
    program().set_reject_limit({250'000'000, coarse_now_ns()});
    expect(udp6(udp_port), udp_rejected);
}

TEST_F(RejectLimit, DropsWhatItHasNoCreditFor) {
    contract::settings settings = enforce(VERDICT_REJECT);
    settings.rejects_per_second = 1;  // so that the test's own time brings no credit
    load(settings);
    program().set_reject_limit({1'000'000'000, coarse_now_ns()});
    expect(tcp4(tcp_port).syn(), tcp_rejected);
    expect(tcp4(tcp_port).syn(), tcp_dropped);
    expect(udp6(udp_port), udp_dropped);
    // A second later.
    program().set_reject_limit({0, coarse_now_ns() - 1'000'000'000});
    expect(udp6(udp_port), udp_rejected);
}

TEST_F(RejectLimit, HoldsNoMoreThanOneSecondsCredit) {
    contract::settings settings = enforce(VERDICT_REJECT);
    settings.rejects_per_second = 4;
    load(settings);
    program().set_reject_limit({UINT64_MAX / 2, 1});
    expect(tcp4(tcp_port).syn(), tcp_rejected);
    EXPECT_EQ(program().reject_limit().tokens_ns, 750'000'000U);
}

TEST_F(RejectLimit, OfZeroAnswersNothing) {
    contract::settings settings = enforce(VERDICT_REJECT);
    settings.rejects_per_second = 0;
    load(settings);
    expect(tcp4(tcp_port).syn(), tcp_dropped);
    expect(udp6(udp_port), udp_dropped);
}

TEST_F(RejectLimit, IsNotTouchedInMonitorModeNorByADrop) {
    load(monitor(VERDICT_REJECT));
    program().set_reject_limit({500, 7});
    expect(tcp4(tcp_port).syn(), tcp_rejected.in_monitor_mode());
    EXPECT_EQ(program().reject_limit().tokens_ns, 500U);
    EXPECT_EQ(program().reject_limit().last_ns, 7U);
    ProgTest::TearDown();
    load(enforce(VERDICT_REJECT));
    program().set_reject_limit({500, 7});
    expect(tcp4(tcp_port).rst(), tcp_dropped);
    EXPECT_EQ(program().reject_limit().last_ns, 7U);
}

}  // namespace
}  // namespace xdemux::test::reject_test
