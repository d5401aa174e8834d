// SPDX-License-Identifier: BSD-2-Clause
// Registered sockets: what is accepted, and what the kernel's own look-up then says.
#include <optional>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <xdemux/kernel/netns.h>
#include <xdemux/ops/targets.h>

#include "support/socket_fixture.h"

namespace xdemux::test::ops_sockets_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint16_t port = 4080;

class OpsSockets : public SocketTest {};

TEST_F(OpsSockets, get_what_listeners_send_to_their_name) {
    const Fd tcp = server(AF_INET6, SOCK_STREAM);
    const Fd udp = server(AF_INET, SOCK_DGRAM);
    ASSERT_TRUE(change({to_socket("*:4080"), to_socket("203.0.113.0/24:4100-4199"), to_socket("192.0.2.1:*"),
                        to_socket("198.51.100.0/24:53", "dns", Proto::udp)}));
    EXPECT_EQ(found(near_ipv4), 0U) << "nothing is registered yet";
    ASSERT_TRUE(enlist(tcp));
    ASSERT_TRUE(enlist(udp, "dns"));
    EXPECT_EQ(found(near_ipv4), cookie_of(tcp));
    EXPECT_EQ(found(near_ipv6), cookie_of(tcp));
    EXPECT_EQ(found("203.0.113.9", 4100), cookie_of(tcp));
    EXPECT_EQ(found("203.0.113.255", 4199), cookie_of(tcp));
    EXPECT_EQ(found("203.0.113.9", 4200), 0U);
    EXPECT_EQ(found(near_ipv4, 9), cookie_of(tcp)) << "all ports of that address";
    EXPECT_EQ(found("198.51.100.1", 53, Proto::udp), cookie_of(udp));
    EXPECT_EQ(found("198.51.100.1", 53, Proto::tcp), 0U);

    const auto listed = rows();
    ASSERT_THAT(listed, SizeIs(2));
    EXPECT_EQ(listed[0].target.name, "web");
    EXPECT_EQ(listed[0].cookie, cookie_of(tcp));
    EXPECT_EQ(listed[0].users, 3U);
    EXPECT_EQ(listed[0].count.packets, 5U);
    EXPECT_EQ(listed[0].count.fallback_packets, 1U);
    ASSERT_TRUE(listed[0].socket);
    EXPECT_EQ(listed[0].socket->proto, Proto::tcp);
    EXPECT_EQ(listed[0].process.value_or(Process{}).pid, ::getpid());
    EXPECT_EQ(listed[1].count.packets, 1U);
}

TEST_F(OpsSockets, hear_of_a_device_what_its_listener_hears) {
    const Fd bound = server(AF_INET, SOCK_STREAM), any = server(AF_INET, SOCK_STREAM);
    ListenerChange on_device = to_socket("0.0.0.0:4080", "bound");
    on_device.listener.device = Device{::if_nametoindex(near_device), near_device};
    ASSERT_TRUE(change({on_device, to_socket("0.0.0.0:4080", "any")}));
    ASSERT_TRUE(enlist(bound, "bound"));
    ASSERT_TRUE(enlist(any, "any"));
    EXPECT_EQ(found(near_ipv4, port, Proto::tcp, ::if_nametoindex(near_device)), cookie_of(bound));
    EXPECT_EQ(found(near_ipv4, port, Proto::tcp, ::if_nametoindex("lo")), cookie_of(any));
}

TEST_F(OpsSockets, are_replaced_at_once_under_their_name) {
    const Fd first = server(AF_INET6, SOCK_STREAM), second = server(AF_INET6, SOCK_STREAM);
    ASSERT_TRUE(add(to_socket("*:4080")));
    ASSERT_TRUE(enlist(first));
    ASSERT_TRUE(enlist(second, "web", true)) << "a dry run";
    EXPECT_EQ(found(near_ipv4), cookie_of(first));
    ASSERT_TRUE(enlist(second));
    EXPECT_EQ(found(near_ipv4), cookie_of(second));
    EXPECT_THAT(rows(), SizeIs(1));
}

TEST_F(OpsSockets, are_refused_where_they_wait_for_nobody) {
    const auto told = [&](const Fd& socket) { return failure(enlist(socket), ErrorKind::usage); };
    const Fd idle(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_THAT(told(idle), HasSubstr("cannot register socket \"web\": it is a TCP socket that does not listen"));
    const Fd unbound(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_THAT(told(unbound), HasSubstr("without a port; call bind() first"));
    const Fd connected = server(AF_INET, SOCK_DGRAM);
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(9);
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(connected.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer), 0);
    EXPECT_THAT(told(connected), HasSubstr("connected UDP socket"));
    const Fd local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_THAT(told(local), HasSubstr("neither a TCP nor a UDP socket"));
    int ends[2] = {};
    ASSERT_EQ(::pipe(ends), 0);
    const Fd reader(ends[0]), writer(ends[1]);
    EXPECT_THAT(told(reader), HasSubstr("it is no socket"));
    EXPECT_THAT(failure(enlist(Fd(987)), ErrorKind::not_found),
                HasSubstr("descriptor 987 of this process is not open"));
    EXPECT_THAT(failure(enlist(server(AF_INET, SOCK_STREAM), "a b"), ErrorKind::usage), HasSubstr("a b"));
    EXPECT_THAT(rows(), IsEmpty());
    EXPECT_THAT(programs(), IsEmpty());
}

TEST_F(OpsSockets, of_another_namespace_are_refused) {
    const NamedNetns other;
    std::optional<Fd> socket;
    {
        const auto scope = NetnsScope::enter(other.name());
        ASSERT_TRUE(scope);
        socket = server(AF_INET, SOCK_STREAM);
    }
    EXPECT_THAT(failure(enlist(*socket), ErrorKind::failed), HasSubstr("belongs to another network namespace"));
}

TEST_F(OpsSockets, must_fit_their_listeners_whichever_comes_first) {
    ASSERT_TRUE(add(to_socket("*:4080")));
    EXPECT_THAT(failure(enlist(server(AF_INET, SOCK_STREAM)), ErrorKind::usage),
                HasSubstr("socket \"web\" cannot serve listener tcp [::]:4080: it takes IPv4 alone"));
    EXPECT_THAT(failure(enlist(only_ipv6()), ErrorKind::usage), HasSubstr("takes IPv6 alone (IPV6_V6ONLY)"));
    EXPECT_THAT(failure(enlist(server(AF_INET6, SOCK_DGRAM)), ErrorKind::usage), HasSubstr("register a tcp one"));
    const Fd udp = server(AF_INET, SOCK_DGRAM);
    ASSERT_TRUE(enlist(udp, "dns"));
    EXPECT_THAT(failure(add(to_socket("*:53", "dns", Proto::udp)), ErrorKind::usage), HasSubstr("use 0.0.0.0:53"));
    EXPECT_THAT(failure(add(to_socket("0.0.0.0:53", "dns")), ErrorKind::usage), HasSubstr("it is a udp socket"));
    EXPECT_TRUE(add(to_socket("0.0.0.0:53", "dns", Proto::udp)));
}

TEST_F(OpsSockets, in_use_stay_registered) {
    EXPECT_THAT(failure(dismiss(), ErrorKind::not_found), HasSubstr("no socket is registered as \"web\""));
    const Fd socket = server(AF_INET6, SOCK_STREAM);
    ASSERT_TRUE(enlist(socket));
    ASSERT_TRUE(change({to_socket("*:4080"), to_socket("192.0.2.1:80")}));
    EXPECT_THAT(failure(dismiss(), ErrorKind::in_use),
                HasSubstr("in use by listener tcp [::]:4080, listener tcp 192.0.2.1:80"));
    EXPECT_EQ(found(near_ipv4), cookie_of(socket));
    ASSERT_TRUE(remove(to_socket("*:4080")));
    ASSERT_TRUE(remove(to_socket("192.0.2.1:80")));
    ASSERT_THAT(rows(), SizeIs(1)) << "a registered one stays without listeners";
    ASSERT_TRUE(dismiss("web", true));
    ASSERT_THAT(rows(), SizeIs(1)) << "a dry run";
    ASSERT_TRUE(dismiss());
    EXPECT_THAT(rows(), IsEmpty());
    EXPECT_NE(::fcntl(socket.get(), F_GETFD), -1);
}

TEST_F(OpsSockets, that_are_closed_fall_back) {
    std::optional<Fd> socket = server(AF_INET6, SOCK_STREAM);
    ASSERT_TRUE(add(to_socket("*:4080")));
    ASSERT_TRUE(enlist(*socket));
    const Fd host = server(AF_INET6, SOCK_STREAM);
    sockaddr_in6 name{};
    socklen_t size = sizeof name;
    ASSERT_EQ(::getsockname(host.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
    ASSERT_TRUE(add(to_socket(fmt::format("*:{}", ntohs(name.sin6_port)))));
    EXPECT_EQ(found(near_ipv4, ntohs(name.sin6_port)), cookie_of(*socket)) << "before the host's own socket";
    socket.reset();
    EXPECT_EQ(found(near_ipv4), 0U);
    EXPECT_EQ(found(near_ipv4, ntohs(name.sin6_port)), cookie_of(host)) << "the kernel goes on looking";
    ASSERT_THAT(rows(), SizeIs(1));
    EXPECT_FALSE(rows()[0].cookie);
    EXPECT_EQ(target_rows(Instance::open(name_).value())->at(0).hindrance, "no socket is registered under its name");
}

}  // namespace
}  // namespace xdemux::test::ops_sockets_test
