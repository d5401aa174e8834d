// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <xdemux/policy/socket_fit.h>

namespace xdemux::test::policy_socket_fit {
namespace {

Listener listener(std::string_view endpoint, Proto proto = Proto::tcp, bool v6only = false) {
    Listener listener;
    listener.proto = proto;
    listener.local = LocalEndpoint::parse(endpoint, proto).value();
    listener.v6only = v6only;
    return listener;
}

constexpr SocketKind ipv4{Proto::tcp, Family::ipv4, false}, both{Proto::tcp, Family::ipv6, false},
    ipv6{Proto::tcp, Family::ipv6, true};

TEST(SocketFit, a_socket_serves_what_it_can_take) {
    for (const auto* endpoint : {"0.0.0.0:80", "192.0.2.1:80", "203.0.113.0/24:*"}) {
        EXPECT_FALSE(misfit(ipv4, listener(endpoint))) << endpoint;
        EXPECT_FALSE(misfit(both, listener(endpoint))) << endpoint;
        EXPECT_EQ(misfit(ipv6, listener(endpoint)), "it takes IPv6 alone (IPV6_V6ONLY); register an IPv4 socket");
    }
    for (const auto* endpoint : {"[2001:db8::1]:80", "[2001:db8::/64]:80-90"}) {
        EXPECT_EQ(misfit(ipv4, listener(endpoint)), "it takes IPv4 alone; register an IPv6 socket");
        EXPECT_FALSE(misfit(both, listener(endpoint))) << endpoint;
        EXPECT_FALSE(misfit(ipv6, listener(endpoint))) << endpoint;
    }
}

TEST(SocketFit, a_dual_stack_listener_wants_a_dual_stack_socket) {
    EXPECT_FALSE(misfit(both, listener("*:80")));
    EXPECT_EQ(
        misfit(ipv4, listener("*:8000-8009")),
        "it takes IPv4 alone, and the listener hears IPv6 too; use 0.0.0.0:8000-8009, or register an IPv6 socket, "
        "which takes both");
    EXPECT_EQ(misfit(ipv6, listener("*:80")),
              "it takes IPv6 alone (IPV6_V6ONLY), and the listener hears IPv4 too; use --v6only");
    EXPECT_FALSE(misfit(ipv6, listener("[::]:80", Proto::tcp, true)));
    EXPECT_FALSE(misfit(both, listener("[::]:80", Proto::tcp, true)));
    EXPECT_TRUE(misfit(ipv4, listener("[::]:80", Proto::tcp, true)));
}

TEST(SocketFit, the_protocols_are_two_worlds) {
    EXPECT_EQ(misfit(both, listener("*:53", Proto::udp)), "it is a tcp socket; register a udp one");
    EXPECT_EQ(misfit({Proto::udp, Family::ipv6, false}, listener("*:53")), "it is a udp socket; register a tcp one");
    EXPECT_FALSE(misfit({Proto::udp, Family::ipv6, false}, listener("*:53", Proto::udp)));
}

}  // namespace
}  // namespace xdemux::test::policy_socket_fit
