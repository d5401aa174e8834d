// SPDX-License-Identifier: BSD-2-Clause
// Why connect fails, from sockets made up: each errno with its cause, and the remedy that fits it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <xdemux/ops/connect_findings.h>

namespace xdemux::test::ops_connect_findings {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const Address local = Address::ipv4({192, 0, 2, 1});
const SocketAddress remote{Address::ipv4({198, 51, 100, 7}), 443};

HostSocket socket(std::uint16_t port, HostSocketState state, const SocketAddress& to = remote) {
    HostSocket socket;
    socket.state = state;
    socket.local = local;
    socket.local_port = port;
    socket.remote = to.address;
    socket.remote_port = to.port;
    return socket;
}

/// Four ports, 40000 to 40003.
ConnectFacts facts_with(std::vector<HostSocket> sockets) {
    ConnectFacts facts;
    facts.question = {Proto::tcp, local, remote};
    facts.settings = {{40000, 40004}, PortSet::parse("40004").value()};
    facts.sockets = std::move(sockets);
    return facts;
}

Finding find(const ConnectFacts& facts, std::string_view id) {
    for (const Finding& finding : judge_connect(facts))
        if (finding.id == id) return finding;
    return {};
}

TEST(ConnectFindings, AllIsWellWhereAPortIsLeft) {
    const auto facts = facts_with({socket(40000, HostSocketState::established)});
    for (const Finding& finding : judge_connect(facts))
        EXPECT_EQ(finding.severity, Severity::ok) << finding.what;
}

TEST(ConnectFindings, ConnectFailsWhenAllPortsToTheDestinationAreTaken) {
    const SocketAddress other{remote.address, 80};
    auto facts = facts_with({socket(40000, HostSocketState::established), socket(40001, HostSocketState::syn_sent),
                             socket(40002, HostSocketState::time_wait), socket(40003, HostSocketState::time_wait),
                             socket(40003, HostSocketState::established, other)});
    const Finding blocked = find(facts, "connect_ports");
    EXPECT_EQ(blocked.severity, Severity::blocker);
    EXPECT_EQ(blocked.what,
              "connect fails with EADDRNOTAVAIL: 4 of 4 ports are taken: 2 in use, 2 in TIME_WAIT, 0 bound "
              "for all destinations");
    EXPECT_THAT(blocked.why, StartsWith("4 ports / 60 s of TIME_WAIT = 0.1 connections per second"));
    EXPECT_EQ(blocked.remedy, "sysctl -w net.ipv4.tcp_timestamps=1 net.ipv4.tcp_tw_reuse=1");
    facts.reuse = TimeWaitReuse::on;
    EXPECT_EQ(find(facts, "connect_ports").severity, Severity::warning) << "half of the ports are in use";
    facts.timestamps = false;
    EXPECT_EQ(find(facts, "connect_ports").severity, Severity::blocker);
    facts.question.remote = other;
    facts.question.remote.port = 81;
    EXPECT_EQ(find(facts, "connect_ports").severity, Severity::ok) << "another destination has ports of its own";
}

TEST(ConnectFindings, BindFailsWhenEachPortHasASocketAndConnectDoesNot) {
    const SocketAddress other{remote.address, 80};
    std::vector<HostSocket> sockets;
    for (std::uint16_t port = 40000; port <= 40003; ++port)
        sockets.push_back(socket(port, HostSocketState::established, other));
    const auto facts = facts_with(sockets);
    EXPECT_EQ(find(facts, "connect_ports").severity, Severity::ok);
    const Finding bind = find(facts, "bind_ports");
    EXPECT_EQ(bind.severity, Severity::warning);
    EXPECT_THAT(bind.what, StartsWith("bind to port 0 fails with EADDRINUSE: 4 of 4 ports"));
    EXPECT_THAT(bind.why, HasSubstr("IP_BIND_ADDRESS_NO_PORT"));
}

TEST(ConnectFindings, PortsBoundWithoutAPeerAreTakenForAll) {
    std::vector<HostSocket> sockets;
    for (std::uint16_t port = 40000; port <= 40003; ++port)
        sockets.push_back(socket(port, HostSocketState::listen, {Address::any(Family::ipv4), 0}));
    sockets[0].local = Address::any(Family::ipv4);
    const Finding blocked = find(facts_with(sockets), "connect_ports");
    EXPECT_EQ(blocked.severity, Severity::blocker);
    EXPECT_THAT(blocked.what, HasSubstr("4 bound for all destinations"));
    EXPECT_EQ(blocked.remedy, "xdemux ephemeral set 10000-65535 --confirm 60");
}

TEST(ConnectFindings, UdpHasAPortForAllDestinations) {
    std::vector<HostSocket> sockets;
    for (std::uint16_t port = 40000; port <= 40003; ++port) {
        sockets.push_back(socket(port, HostSocketState::connected, {remote.address, 53}));
        sockets.back().proto = Proto::udp;
    }
    auto facts = facts_with(sockets);
    EXPECT_EQ(find(facts, "connect_ports").severity, Severity::ok) << "TCP is a namespace of its own";
    facts.question.proto = Proto::udp;
    EXPECT_THAT(find(facts, "connect_ports").what, StartsWith("connect fails with EAGAIN"));
    EXPECT_EQ(find(facts, "bind_ports").severity, Severity::blocker);
}

TEST(ConnectFindings, AnAddressThatIsNotHereIsEaddrnotavailToo) {
    auto facts = facts_with({});
    facts.local_is_here = false;
    const Finding address = find(facts, "connect_address");
    EXPECT_EQ(address.severity, Severity::blocker);
    EXPECT_EQ(address.what, "bind fails with EADDRNOTAVAIL: 192.0.2.1 is not an address of this host");
    EXPECT_EQ(address.remedy, "ip addr add 192.0.2.1/32 dev DEV");
}

}  // namespace
}  // namespace xdemux::test::ops_connect_findings
