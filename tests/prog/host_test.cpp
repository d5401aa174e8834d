// SPDX-License-Identifier: BSD-2-Clause
// Host mode, against real sockets of the test's own namespace: what the kernel would deliver is never closed.
#include "support/expectation.h"
#include "support/socket.h"

namespace xdemux::test::host_test {
namespace {

class Host : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP, true)); }

    static Expected known(proto proto, std::uint16_t port) { return passes(REASON_HOST_SOCKET).at(proto, port); }
    static Expected unknown(proto proto, std::uint16_t port) { return drops(REASON_CLOSED).at(proto, port); }
};

TEST_F(Host, FindsATcpListenerOfEachKind) {
    Socket any4(AF_INET, SOCK_STREAM), one4(AF_INET, SOCK_STREAM), dual(AF_INET6, SOCK_STREAM),
        only6(AF_INET6, SOCK_STREAM), one6(AF_INET6, SOCK_STREAM);
    dual.set(IPPROTO_IPV6, IPV6_V6ONLY, 0);
    only6.set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    any4.bind("0.0.0.0").listen();
    one4.bind(host_ipv4).listen();
    dual.bind("::").listen();
    only6.bind("::").listen();
    one6.bind(host_ipv6).listen();
    expect_all({
        {"any, IPv4", tcp4(any4.port()).syn(), known(PROTO_TCP, any4.port())},
        {"any, IPv6 packet", tcp6(any4.port()).syn(), unknown(PROTO_TCP, any4.port())},
        {"one address", tcp4(one4.port()).syn(), known(PROTO_TCP, one4.port())},
        {"dual-stack, IPv4", tcp4(dual.port()).syn(), known(PROTO_TCP, dual.port())},
        {"dual-stack, IPv6", tcp6(dual.port()).syn(), known(PROTO_TCP, dual.port())},
        {"v6only, IPv4", tcp4(only6.port()).syn(), unknown(PROTO_TCP, only6.port())},
        {"v6only, IPv6", tcp6(only6.port()).syn(), known(PROTO_TCP, only6.port())},
        {"one IPv6 address", tcp6(one6.port()).syn(), known(PROTO_TCP, one6.port())},
        {"UDP to a TCP listener", udp4(any4.port()), unknown(PROTO_UDP, any4.port())},
        {"behind two tags", eth().vlan(1).vlan(2).ipv4(peer_ipv4, host_ipv4).tcp(peer_port, any4.port()).syn(),
         known(PROTO_TCP, any4.port())},
        {"behind extension headers", ip6().hop_by_hop().routing(0).tcp(peer_port, dual.port()).syn(),
         known(PROTO_TCP, dual.port())},
    });
    program().add_local("192.0.2.2");
    expect(tcp4(one4.port(), "192.0.2.2").syn(), unknown(PROTO_TCP, one4.port()));
    const std::uint16_t port = any4.port();
    any4.close();
    expect(tcp4(port).syn(), unknown(PROTO_TCP, port));
}

TEST_F(Host, FindsAUdpSocketOfEachKind) {
    Socket any4(AF_INET, SOCK_DGRAM), connected4(AF_INET, SOCK_DGRAM), dual(AF_INET6, SOCK_DGRAM),
        only6(AF_INET6, SOCK_DGRAM), connected6(AF_INET6, SOCK_DGRAM);
    only6.set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    any4.bind("0.0.0.0");
    dual.bind("::");
    only6.bind("::");
    connected4.bind(host_ipv4).connect(peer_ipv4, peer_port);
    connected6.bind(host_ipv6).connect(peer_ipv6, peer_port);
    expect_all({
        {"any, IPv4", udp4(any4.port()), known(PROTO_UDP, any4.port())},
        {"any, IPv6 packet", udp6(any4.port()), unknown(PROTO_UDP, any4.port())},
        {"dual-stack, IPv4", udp4(dual.port()), known(PROTO_UDP, dual.port())},
        {"dual-stack, IPv6", udp6(dual.port()), known(PROTO_UDP, dual.port())},
        {"v6only, IPv4", udp4(only6.port()), unknown(PROTO_UDP, only6.port())},
        {"v6only, IPv6", udp6(only6.port()), known(PROTO_UDP, only6.port())},
        {"connected, its peer", udp4(connected4.port()), known(PROTO_UDP, connected4.port())},
        {"connected, another port", ip4().udp(peer_port + 1, connected4.port()), unknown(PROTO_UDP, connected4.port())},
        {"connected, another host", eth().ipv4("192.0.2.98", host_ipv4).udp(peer_port, connected4.port()),
         unknown(PROTO_UDP, connected4.port())},
        {"connected over IPv6, its peer", udp6(connected6.port()), known(PROTO_UDP, connected6.port())},
        {"connected over IPv6, another port", ip6().udp(peer_port + 1, connected6.port()),
         unknown(PROTO_UDP, connected6.port())},
        {"TCP to a UDP socket", tcp4(any4.port()).syn(), unknown(PROTO_TCP, any4.port())},
    });
}

TEST_F(Host, FindsASocketThatIsBoundToTheDeviceOnThatDeviceAlone) {
    Socket stream(AF_INET, SOCK_STREAM), datagram(AF_INET6, SOCK_DGRAM);
    stream.bind_to_device("xd0");
    stream.bind("0.0.0.0").listen();
    datagram.bind_to_device("xd0");
    datagram.bind("::");
    const std::uint32_t elsewhere = Testbed::get().other_ifindex();
    expect(tcp4(stream.port()).syn(), known(PROTO_TCP, stream.port()));
    expect(tcp4(stream.port()).syn(), unknown(PROTO_TCP, stream.port()), elsewhere);
    expect(udp6(datagram.port()), known(PROTO_UDP, datagram.port()));
    expect(udp6(datagram.port()), unknown(PROTO_UDP, datagram.port()), elsewhere);
}

TEST_F(Host, FindsAnEstablishedConnectionAndItsTimeWait) {
    Socket server(AF_INET, SOCK_STREAM), client(AF_INET, SOCK_STREAM);
    server.bind(host_ipv4).listen();
    client.bind("127.0.0.1").connect(host_ipv4, server.port());
    Socket accepted = server.accept();
    const std::uint16_t port = server.port(), remote = client.port();
    const Packet segment = eth().ipv4("127.0.0.1", host_ipv4).tcp(remote, port).ack(1);
    const Packet another = eth().ipv4("127.0.0.1", host_ipv4).tcp(static_cast<std::uint16_t>(remote ^ 1), port).ack(1);
    server.close();  // so that the listener cannot answer in the connection's place
    expect(segment, known(PROTO_TCP, port));
    expect(another, unknown(PROTO_TCP, port));
    // This side closes first and so keeps the TIME_WAIT (state 06).
    accepted.close();
    client.close();
    ASSERT_TRUE(wait_until([&] { return count_tcp_sockets(port, "06") == 1; }));
    expect(segment, known(PROTO_TCP, port));
    expect(another, unknown(PROTO_TCP, port));
}

TEST_F(Host, FindsAnEstablishedConnectionOverIpv6) {
    Socket server(AF_INET6, SOCK_STREAM), client(AF_INET6, SOCK_STREAM);
    server.bind(host_ipv6).listen();
    client.bind("::1").connect(host_ipv6, server.port());
    const Socket accepted = server.accept();
    const std::uint16_t port = server.port(), remote = client.port();
    server.close();
    expect(eth().ipv6("::1", host_ipv6).tcp(remote, port).ack(1), known(PROTO_TCP, port));
    expect(tcp6(port).ack(1), unknown(PROTO_TCP, port));
}

TEST_F(Host, FindsAHalfOpenConnection) {
    Socket server(AF_INET, SOCK_STREAM);
    server.bind("0.0.0.0").listen();
    const std::uint16_t port = server.port();
    Testbed::get().send(tcp4(port).seq(7).syn());
    ASSERT_TRUE(wait_until([&] { return count_tcp_sockets(port, "03") == 1; })) << "no SYN_RECV";
    // Out of the way of this device, so that it cannot answer in the half-open connection's place.
    server.bind_to_device("lo");
    expect(tcp4(port).seq(8).ack(1), known(PROTO_TCP, port));
    expect(ip4().tcp(peer_port + 1, port).seq(8).ack(1), unknown(PROTO_TCP, port));
}

TEST_F(Host, IsAskedLastAndNotForPortZero) {
    Socket server(AF_INET, SOCK_STREAM);
    server.bind("0.0.0.0").listen();
    const std::uint16_t port = server.port();
    program().add_wildcard({.proto = PROTO_TCP, .port = port, .target = TARGET_DROP, .id = 3}, FAMILY_DUAL);
    expect(tcp4(port).syn(), drops(REASON_LISTENER_WILDCARD).at(PROTO_TCP, port).by(3));
    expect(tcp4(0).syn(), drops(REASON_PORT_ZERO).at(PROTO_TCP, 0));
}

TEST_F(Host, SwitchedOffFindsNothing) {
    Socket server(AF_INET, SOCK_STREAM);
    server.bind("0.0.0.0").listen();
    load(enforce(VERDICT_DROP, false));
    expect(tcp4(server.port()).syn(), unknown(PROTO_TCP, server.port()));
}

TEST_F(Host, IsNotAskedAboutWhatIsNotThisHosts) {
    Socket server(AF_INET, SOCK_STREAM);
    server.bind("0.0.0.0").listen();
    expect(tcp4(server.port(), beyond_ipv4).syn(), passes(REASON_NOT_LOCAL));
}

TEST_F(Host, InMonitorModeIsAskedTheSame) {
    Socket server(AF_INET6, SOCK_STREAM);
    server.bind("::").listen();
    load(monitor(VERDICT_REJECT, true));
    const std::uint16_t port = server.port();
    expect(tcp4(port).syn(), known(PROTO_TCP, port));
    server.close();
    expect(tcp4(port).syn(), rejects(REASON_CLOSED).at(PROTO_TCP, port).in_monitor_mode());
}

TEST_F(Host, OfTheFallbackRulesCountsPastTheDeadline) {
    Socket server(AF_INET, SOCK_STREAM);
    server.bind("0.0.0.0").listen();
    contract::settings settings = enforce(VERDICT_DROP, false);
    settings.fallback = {MODE_ENFORCE, VERDICT_DROP, 1};
    settings.confirm_by_ns = 1;
    load(settings);
    expect(tcp4(server.port()).syn(), known(PROTO_TCP, server.port()));
    settings.confirm_by_ns = UINT64_MAX;
    ProgTest::TearDown();
    load(settings);
    expect(tcp4(server.port()).syn(), unknown(PROTO_TCP, server.port()));
}

}  // namespace
}  // namespace xdemux::test::host_test
