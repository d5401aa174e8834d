// SPDX-License-Identifier: BSD-2-Clause
// Sources that are blocked for a time: everything of theirs to this host but what lives already.
#include "support/expectation.h"
#include "support/socket.h"

namespace xdemux::test::block_test {
namespace {

constexpr std::uint64_t for_ever = UINT64_MAX;

class Block : public ProgTest {
  protected:
    void SetUp() override { load_blocking(enforce(VERDICT_DROP, true)); }

    void load_blocking(const contract::settings& settings) {
        load(settings);
        block(peer_ipv4, for_ever);
        block(peer_ipv6, for_ever);
    }
    // As user space does it: the entry, then the variable.
    void block(std::string_view source, std::uint64_t until_ns) {
        program().add_block(source, until_ns);
        program().set_blocking(until_ns);
    }
    static Expected refused(proto proto, std::uint16_t port) { return drops(REASON_SOURCE_BLOCKED).at(proto, port); }
};

TEST_F(Block, RefusesWhateverWouldHearTheSource) {
    Socket server(AF_INET6, SOCK_STREAM);
    server.bind("::").listen();
    program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = TARGET_PASS, .id = 1}, FAMILY_DUAL);
    program().add_exact({.proto = PROTO_UDP, .port = 53, .target = TARGET_REJECT, .id = 2}, host_ipv4);
    expect_all({
        {"a listener", tcp4(80).syn(), refused(PROTO_TCP, 80).by(1)},
        {"a listener, IPv6", tcp6(80).syn(), refused(PROTO_TCP, 80).by(1)},
        {"a listener that rejects", udp4(53), refused(PROTO_UDP, 53).by(2)},
        {"a socket of the host", tcp4(server.port()).syn(), refused(PROTO_TCP, server.port())},
        {"a socket of the host, IPv6", tcp6(server.port()).syn(), refused(PROTO_TCP, server.port())},
        {"nobody", udp6(999), refused(PROTO_UDP, 999)},
        {"port zero", tcp4(0).syn(), refused(PROTO_TCP, 0)},
        {"an acknowledgement of nothing", tcp4(80).ack(1), refused(PROTO_TCP, 80).by(1)},
    });
}

TEST_F(Block, LeavesOtherSourcesAlone) {
    program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = TARGET_PASS, .id = 1}, FAMILY_DUAL);
    const Expected heard = passes(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 80).by(1);
    expect(eth().ipv4("192.0.2.98", host_ipv4).tcp(peer_port, 80).syn(), heard);
    expect(eth().ipv6("2001:db8::98", host_ipv6).tcp(peer_port, 80).syn(), heard);
    // The IPv6 address whose first bytes are those of the IPv4 one.
    expect(eth().ipv6("c000:263::", host_ipv6).tcp(peer_port, 80).syn(), heard);
    expect(eth().ipv4("192.0.2.98", host_ipv4).udp(peer_port, 53), drops(REASON_CLOSED).at(PROTO_UDP, 53));
}

TEST_F(Block, IsOfPacketsToThisHostWithPorts) {
    expect(tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL));
    expect(ip4().icmp(8, 0), passes(REASON_ICMP_OTHER));
    expect(ip4().icmp(3, 4).quoting(eth().ipv4(host_ipv4, peer_ipv4).tcp(80, peer_port)), passes(REASON_ICMP_ERROR));
    expect(ip4("224.0.0.251").udp(peer_port, 5353), passes(REASON_NOT_LOCAL));
}

TEST_F(Block, RefusesTheOtherFragmentsToo) {
    expect(ip4().fragment(5, 0, true).udp(peer_port, 53).set16(4, 2000).payload(800), refused(PROTO_UDP, 53));
    expect(ip4().fragment(5, 808, false).protocol(17).payload(8), drops(REASON_FRAGMENT));
}

TEST_F(Block, InMonitorModeIsCountedAlone) {
    load_blocking(monitor(VERDICT_PASS));
    program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = TARGET_PASS, .id = 1}, FAMILY_DUAL);
    expect(tcp4(80).syn(), refused(PROTO_TCP, 80).by(1).in_monitor_mode());
}

TEST_F(Block, WorksWhereClosedEndpointsPassAndTheHostIsNotAsked) {
    load_blocking(enforce(VERDICT_PASS));
    expect(tcp4(80).syn(), refused(PROTO_TCP, 80));
}

TEST_F(Block, LetsAFlowPass) {
    program().add_flow(PROTO_TCP, host_ipv4, 22, peer_ipv4, peer_port, TARGET_PASS);
    expect(tcp4(22).ack(1), passes(REASON_FLOW).at(PROTO_TCP, 22));
    expect(ip4().tcp(peer_port + 1, 22).ack(1), refused(PROTO_TCP, 22));
}

TEST_F(Block, LetsAnEstablishedConnectionPassAndNoNewOne) {
    block("127.0.0.1", for_ever);
    Socket server(AF_INET, SOCK_STREAM), client(AF_INET, SOCK_STREAM);
    server.bind(host_ipv4).listen();
    client.bind("127.0.0.1").connect(host_ipv4, server.port());
    Socket accepted = server.accept();
    const std::uint16_t port = server.port(), remote = client.port();
    const Packet from = eth().ipv4("127.0.0.1", host_ipv4);
    expect(from.tcp(remote, port).ack(1), passes(REASON_HOST_SOCKET).at(PROTO_TCP, port));
    expect(from.tcp(remote, port).ack(1).fin(), passes(REASON_HOST_SOCKET).at(PROTO_TCP, port));
    expect(from.tcp(static_cast<std::uint16_t>(remote ^ 1), port).syn(), refused(PROTO_TCP, port));
    // Its last segments too. From its TIME_WAIT (06) a SYN would begin a new connection.
    accepted.close();
    client.close();
    ASSERT_TRUE(wait_until([&] { return count_tcp_sockets(port, "06") == 1; }));
    expect(from.tcp(remote, port).ack(1), passes(REASON_HOST_SOCKET).at(PROTO_TCP, port));
    expect(from.tcp(remote, port).syn(), refused(PROTO_TCP, port));
}

TEST_F(Block, LetsTheHostsOwnConnectionPass) {
    // The host is the client: "::1" answers from the port that it connected to.
    block("::1", for_ever);
    Socket server(AF_INET6, SOCK_STREAM), client(AF_INET6, SOCK_STREAM);
    server.bind("::1").listen();
    client.bind(host_ipv6).connect("::1", server.port());
    const std::uint16_t port = client.port();
    const Packet answer = eth().ipv6("::1", host_ipv6).tcp(server.port(), port);
    expect(answer.ack(1), passes(REASON_HOST_SOCKET).at(PROTO_TCP, port));
}

TEST_F(Block, LetsAnswersToASynPass) {
    Socket client(AF_INET, SOCK_STREAM);
    client.bind(host_ipv4).begin_connect(peer_ipv4, 80);
    ASSERT_TRUE(wait_until([&] { return count_tcp_sockets(client.port(), "02") == 1; })) << "no SYN_SENT";
    expect(ip4().tcp(80, client.port()).syn().ack(1), passes(REASON_HOST_SOCKET).at(PROTO_TCP, client.port()));
}

TEST_F(Block, RefusesAHalfOpenConnection) {
    Socket server(AF_INET, SOCK_STREAM);
    server.bind(host_ipv4).listen();
    Testbed::get().send(tcp4(server.port()).seq(7).syn());
    ASSERT_TRUE(wait_until([&] { return count_tcp_sockets(server.port(), "03") == 1; })) << "no SYN_RECV";
    expect(tcp4(server.port()).seq(8).ack(1), refused(PROTO_TCP, server.port()));
}

TEST_F(Block, LetsAnswersToAConnectedDatagramSocketPassAndRefusesTheRest) {
    Socket connected(AF_INET, SOCK_DGRAM), open(AF_INET, SOCK_DGRAM), connected6(AF_INET6, SOCK_DGRAM);
    connected.bind(host_ipv4).connect(peer_ipv4, peer_port);
    connected6.bind(host_ipv6).connect(peer_ipv6, peer_port);
    open.bind(host_ipv4);
    expect(udp4(connected.port()), passes(REASON_HOST_SOCKET).at(PROTO_UDP, connected.port()));
    expect(udp6(connected6.port()), passes(REASON_HOST_SOCKET).at(PROTO_UDP, connected6.port()));
    expect(ip4().udp(peer_port + 1, connected.port()), refused(PROTO_UDP, connected.port()));
    expect(udp4(open.port()), refused(PROTO_UDP, open.port()));
}

TEST_F(Block, EndsWithItsTime) {
    const std::uint64_t until = coarse_now_ns() + static_cast<std::uint64_t>(3e8 * time_scale());
    block(peer_ipv4, until);
    expect(udp4(53), refused(PROTO_UDP, 53));
    EXPECT_EQ(program().blocking_until(), until);
    ASSERT_TRUE(wait_until([&] { return coarse_now_ns() > until; }));
    expect(udp4(53), drops(REASON_CLOSED).at(PROTO_UDP, 53));
    EXPECT_EQ(program().blocking_until(), 0U) << "the program did not go back to its fast lane";
    expect(udp4(53), drops(REASON_CLOSED).at(PROTO_UDP, 53));
}

TEST_F(Block, OfOneSourceEndsBeforeAnothers) {
    program().add_block(peer_ipv4, 1);
    expect(udp4(53), drops(REASON_CLOSED).at(PROTO_UDP, 53));
    expect(udp6(53), refused(PROTO_UDP, 53));
    EXPECT_EQ(program().blocking_until(), for_ever);
}

TEST_F(Block, IsNotLookedForUnlessTheVariableSaysSo) {
    program().set_blocking(0);
    expect(udp4(53), drops(REASON_CLOSED).at(PROTO_UDP, 53));
}

TEST_F(Block, IsToldByATracedRunWhichLeavesNoMark) {
    const std::uint64_t key = program().settings().trace_key;
    const trace refusal = program().run_traced(tcp4(80).syn(), key).trace;
    EXPECT_EQ(refusal.reason, REASON_SOURCE_BLOCKED);
    EXPECT_EQ(refusal.verdict, VERDICT_DROP);
    EXPECT_EQ(refusal.asked & STAGE_BLOCK, STAGE_BLOCK);
    EXPECT_EQ(refusal.answered & STAGE_BLOCK, STAGE_BLOCK);
    const trace other = program().run_traced(eth().ipv4("192.0.2.98", host_ipv4).tcp(peer_port, 80).syn(), key).trace;
    EXPECT_EQ(other.reason, REASON_CLOSED);
    EXPECT_EQ(other.asked & STAGE_BLOCK, STAGE_BLOCK);
    EXPECT_EQ(other.answered & STAGE_BLOCK, 0);
    EXPECT_TRUE(program().reasons().empty());
    EXPECT_TRUE(program().scanners().empty());
}

}  // namespace
}  // namespace xdemux::test::block_test
