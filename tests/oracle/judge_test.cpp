// SPDX-License-Identifier: BSD-2-Clause
// Where the program and the kernel may differ, and that nothing else is let through.
#include "judge.h"

#include <gtest/gtest.h>

namespace xdemux::oracle::judge_test {
namespace {

SocketAddress at(const char* text) {
    return SocketAddress::parse(text, Proto::tcp).value();
}

SocketSpec waiting(Proto proto, const char* local, Port device = Port::any) {
    SocketSpec socket;
    socket.proto = proto;
    socket.local = at(local);
    socket.ipv6_socket = socket.local.address.family() == Family::ipv6;
    socket.device = device;
    return socket;
}

Packet packet(Proto proto, const char* local, const char* remote) {
    return {{proto, at(local), at(remote)}, Port::near};
}

Found who(const SocketSpec& socket) {
    return {Found::What::waiting, socket.local, socket.device};
}

TEST(Judge, EqualAnswersAgree) {
    const std::vector sockets = {waiting(Proto::tcp, "192.0.2.1:80")};
    const Packet to_it = packet(Proto::tcp, "192.0.2.1:80", "192.0.2.2:1");
    EXPECT_EQ(judge(sockets, to_it, who(sockets[0]), who(sockets[0])).outcome, Outcome::agreed);
    EXPECT_EQ(judge(sockets, to_it, {}, {}).outcome, Outcome::agreed);
}

TEST(Judge, NobodyAndSomebodyAreAMismatch) {
    const std::vector sockets = {waiting(Proto::tcp, "192.0.2.1:80")};
    const Packet to_it = packet(Proto::tcp, "192.0.2.1:80", "192.0.2.2:1");
    EXPECT_EQ(judge(sockets, to_it, who(sockets[0]), {}).outcome, Outcome::mismatch);
    EXPECT_EQ(judge(sockets, to_it, {}, who(sockets[0])).outcome, Outcome::mismatch);
}

TEST(Judge, AWildcardBeforeAnExactAddressIsAMismatch) {
    const std::vector sockets = {waiting(Proto::udp, "0.0.0.0:80"), waiting(Proto::udp, "192.0.2.1:80")};
    const Packet to_it = packet(Proto::udp, "192.0.2.1:80", "192.0.2.2:1");
    EXPECT_EQ(judge(sockets, to_it, who(sockets[1]), who(sockets[0])).outcome, Outcome::mismatch);
}

TEST(Judge, TheFamilyAloneDecidesTheSameForBoth) {
    const std::vector sockets = {waiting(Proto::tcp, "0.0.0.0:80"), waiting(Proto::tcp, "[::]:80")};
    const Packet to_it = packet(Proto::tcp, "192.0.2.1:80", "192.0.2.2:1");
    EXPECT_EQ(judge(sockets, to_it, who(sockets[0]), who(sockets[1])).outcome, Outcome::mismatch);
}

TEST(Judge, BoundBesideUnboundIsByDesignOnTheSameStepAlone) {
    const std::vector sockets = {waiting(Proto::udp, "0.0.0.0:80"), waiting(Proto::udp, "0.0.0.0:80", Port::near),
                                 waiting(Proto::udp, "192.0.2.1:80", Port::near)};
    const Packet to_any = packet(Proto::udp, "192.0.2.3:80", "192.0.2.2:1");
    EXPECT_EQ(judge(sockets, to_any, who(sockets[0]), who(sockets[1])).outcome, Outcome::by_design);
    EXPECT_EQ(judge(sockets, to_any, who(sockets[0]), who(sockets[2])).outcome, Outcome::mismatch);
    EXPECT_EQ(judge(sockets, to_any, who(sockets[0]), {}).outcome, Outcome::mismatch);
    const Packet to_address = packet(Proto::udp, "192.0.2.1:80", "192.0.2.2:1");
    EXPECT_EQ(judge(sockets, to_address, who(sockets[2]), who(sockets[1])).outcome, Outcome::mismatch);
}

TEST(Judge, AFlowHasNoDevice) {
    SocketSpec connected = waiting(Proto::tcp, "192.0.2.1:80", Port::loopback);
    connected.kind = SocketKind::connected;
    connected.remote = at("192.0.2.2:1");
    const Packet to_it = packet(Proto::tcp, "192.0.2.1:80", "192.0.2.2:1");
    const Found flow{Found::What::connection};
    EXPECT_EQ(judge(std::vector{connected}, to_it, {}, flow).outcome, Outcome::by_design);
    EXPECT_EQ(judge(std::vector{connected}, to_it, flow, {}).outcome, Outcome::mismatch);
    connected.device = Port::near;
    EXPECT_EQ(judge(std::vector{connected}, to_it, {}, flow).outcome, Outcome::mismatch);
}

TEST(Judge, AGroupThatHidesAConnectionOfAnotherDeviceOrFamilyIsByDesign) {
    SocketSpec group = waiting(Proto::udp, "192.0.2.1:80");
    group.sharing = Sharing::reuseport;
    SocketSpec connected = waiting(Proto::udp, "192.0.2.1:80", Port::near);
    connected.kind = SocketKind::connected;
    connected.remote = at("192.0.2.2:1");
    const Packet to_it = packet(Proto::udp, "192.0.2.1:80", "192.0.2.2:1");
    const Found flow{Found::What::connection};
    EXPECT_EQ(judge(std::vector{group, connected}, to_it, who(group), flow).outcome, Outcome::by_design);
    EXPECT_EQ(judge(std::vector{group, connected}, to_it, flow, who(group)).outcome, Outcome::mismatch);
    EXPECT_EQ(judge(std::vector{group, connected}, to_it, {}, flow).outcome, Outcome::mismatch);
    connected.device = Port::any;
    connected.sharing = Sharing::reuseport;
    EXPECT_EQ(judge(std::vector{group, connected}, to_it, who(group), flow).outcome, Outcome::mismatch);
    connected.ipv6_socket = true;
    EXPECT_EQ(judge(std::vector{group, connected}, to_it, who(group), flow).outcome, Outcome::by_design);
    group.sharing = Sharing::alone;
    connected.device = Port::near;
    EXPECT_EQ(judge(std::vector{group, connected}, to_it, who(group), flow).outcome, Outcome::mismatch);
}

}  // namespace
}  // namespace xdemux::oracle::judge_test
