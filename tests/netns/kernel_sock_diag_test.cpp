// SPDX-License-Identifier: BSD-2-Clause
// Real sockets in every state that can be reached on purpose, as host_sockets() sees them.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/kernel/process.h>
#include <xdemux/kernel/sock_diag.h>

#include "support/netns_fixture.h"

namespace xdemux::test::kernel_sock_diag_test {
namespace {

Address address(const char* text) {
    return Address::parse(text).value();
}

void must(int result, const char* what) {
    if (result != 0) throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in6 ipv6(const char* text, std::uint16_t port) {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(port);
    if (::inet_pton(AF_INET6, text, &name.sin6_addr) != 1) throw std::invalid_argument(text);
    return name;
}

sockaddr_in ipv4(const char* text, std::uint16_t port) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    if (::inet_pton(AF_INET, text, &name.sin_addr) != 1) throw std::invalid_argument(text);
    return name;
}

void set(const Fd& socket, int level, int option, int value) {
    must(::setsockopt(socket.get(), level, option, &value, sizeof value), "setsockopt");
}

template <typename Name>
Fd bound(int type, const Name& name) {
    Fd socket(::socket(reinterpret_cast<const sockaddr*>(&name)->sa_family, type | SOCK_CLOEXEC, 0));
    set(socket, SOL_SOCKET, SO_REUSEADDR, 1);
    must(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), "bind");
    return socket;
}

template <typename Name>
Fd listening(const Name& name) {
    Fd socket = bound(SOCK_STREAM, name);
    must(::listen(socket.get(), 8), "listen");
    return socket;
}

template <typename Name>
Fd connected(int type, const Name& name) {
    Fd socket(::socket(reinterpret_cast<const sockaddr*>(&name)->sa_family, type | SOCK_CLOEXEC, 0));
    must(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), "connect");
    return socket;
}

std::vector<HostSocket> on_port(Proto proto, std::uint16_t port) {
    auto sockets = host_sockets().value();
    std::erase_if(sockets, [&](const HostSocket& each) { return each.proto != proto || each.local_port != port; });
    return sockets;
}

std::optional<HostSocket> in_state(Proto proto, std::uint16_t port, HostSocketState state) {
    for (const HostSocket& each : on_port(proto, port))
        if (each.state == state) return each;
    return std::nullopt;
}

class KernelSockDiag : public NetnsTest {};

TEST_F(KernelSockDiag, an_ipv4_listener_has_its_address_and_no_remote) {
    const Fd listener = listening(ipv4(near_ipv4, 8001));
    const auto found = on_port(Proto::tcp, 8001);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].state, HostSocketState::listen);
    EXPECT_EQ(found[0].local, address(near_ipv4));
    EXPECT_EQ(found[0].remote, Address::any(Family::ipv4));
    EXPECT_EQ(found[0].remote_port, 0);
    EXPECT_EQ(found[0].ifindex, 0U);
    EXPECT_EQ(found[0].uid, ::geteuid());
}

TEST_F(KernelSockDiag, a_dual_stack_listener_is_told_from_a_v6only_one) {
    const Fd dual = listening(ipv6("::", 8002));
    Fd alone(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    set(alone, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    const auto name = ipv6("::", 8003);
    must(::bind(alone.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), "bind");
    must(::listen(alone.get(), 8), "listen");

    const auto first = in_state(Proto::tcp, 8002, HostSocketState::listen);
    const auto second = in_state(Proto::tcp, 8003, HostSocketState::listen);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->local, Address::any(Family::ipv6));
    EXPECT_FALSE(first->v6only);
    EXPECT_TRUE(second->v6only);
}

TEST_F(KernelSockDiag, a_listener_bound_to_a_device_names_it) {
    Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    must(::setsockopt(listener.get(), SOL_SOCKET, SO_BINDTODEVICE, near_device, std::strlen(near_device)), "device");
    const auto name = ipv4("0.0.0.0", 8004);
    must(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), "bind");
    must(::listen(listener.get(), 8), "listen");
    const auto found = on_port(Proto::tcp, 8004);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].ifindex, ::if_nametoindex(near_device));
}

TEST_F(KernelSockDiag, both_ends_of_an_ipv6_connection_are_established) {
    const Fd listener = listening(ipv6("::1", 8005));
    const Fd client = connected(SOCK_STREAM, ipv6("::1", 8005));
    ASSERT_TRUE(wait_until([] { return in_state(Proto::tcp, 8005, HostSocketState::established).has_value(); }));
    const auto server = in_state(Proto::tcp, 8005, HostSocketState::established);
    EXPECT_EQ(server->local, address("::1"));
    EXPECT_EQ(server->remote, address("::1"));
    const auto other = in_state(Proto::tcp, server->remote_port, HostSocketState::established);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->remote_port, 8005);
}

TEST_F(KernelSockDiag, an_ipv4_client_of_a_dual_stack_listener_is_ipv4) {
    const Fd listener = listening(ipv6("::", 8006));
    const Fd client = connected(SOCK_STREAM, ipv4("127.0.0.1", 8006));
    ASSERT_TRUE(wait_until([] { return in_state(Proto::tcp, 8006, HostSocketState::established).has_value(); }));
    const auto server = in_state(Proto::tcp, 8006, HostSocketState::established);
    EXPECT_EQ(server->local, address("127.0.0.1"));
    EXPECT_EQ(server->remote, address("127.0.0.1"));
}

TEST_F(KernelSockDiag, a_listener_on_a_mapped_address_is_ipv4) {
    const Fd listener = listening(ipv6("::ffff:192.0.2.1", 8007));
    const auto found = on_port(Proto::tcp, 8007);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].local, address("192.0.2.1"));
    EXPECT_EQ(found[0].remote, Address::any(Family::ipv4));
}

TEST_F(KernelSockDiag, a_connection_that_the_peer_has_not_answered_is_syn_sent) {
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto remote = ipv4("192.0.2.77", 8008);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&remote), sizeof remote), -1);
    EXPECT_EQ(errno, EINPROGRESS);
    const auto sockets = host_sockets().value();
    EXPECT_TRUE(std::ranges::any_of(sockets, [](const HostSocket& each) {
        return each.state == HostSocketState::syn_sent && each.remote == address("192.0.2.77") &&
               each.remote_port == 8008 && each.local == address(near_ipv4);
    }));
}

TEST_F(KernelSockDiag, a_half_open_connection_is_syn_recv) {
    // With TCP_DEFER_ACCEPT the connection stays half-open until the client sends data.
    Fd listener = bound(SOCK_STREAM, ipv4("127.0.0.1", 8009));
    set(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 30);
    must(::listen(listener.get(), 8), "listen");
    const Fd client = connected(SOCK_STREAM, ipv4("127.0.0.1", 8009));
    ASSERT_TRUE(wait_until([] { return in_state(Proto::tcp, 8009, HostSocketState::syn_recv).has_value(); }));
    EXPECT_EQ(in_state(Proto::tcp, 8009, HostSocketState::syn_recv)->inode, 0U);
}

TEST_F(KernelSockDiag, a_connection_goes_through_close_wait_and_fin_wait2_to_time_wait) {
    const Fd listener = listening(ipv4("127.0.0.1", 8010));
    Fd client = connected(SOCK_STREAM, ipv4("127.0.0.1", 8010));
    Fd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(server.valid());
    const std::uint16_t port = in_state(Proto::tcp, 8010, HostSocketState::established).value().remote_port;

    must(::shutdown(client.get(), SHUT_WR), "shutdown");
    EXPECT_TRUE(wait_until([&] { return in_state(Proto::tcp, 8010, HostSocketState::close_wait).has_value(); }));
    EXPECT_TRUE(wait_until([&] { return in_state(Proto::tcp, port, HostSocketState::fin_wait2).has_value(); }));
    server.reset();
    client.reset();
    ASSERT_TRUE(wait_until([&] { return in_state(Proto::tcp, port, HostSocketState::time_wait).has_value(); }));
    const auto waiting = in_state(Proto::tcp, port, HostSocketState::time_wait);
    EXPECT_EQ(waiting->remote_port, 8010);
    EXPECT_EQ(waiting->local, address("127.0.0.1"));
    EXPECT_EQ(waiting->inode, 0U);
}

TEST_F(KernelSockDiag, udp_sockets_are_unconnected_or_connected) {
    const Fd server = bound(SOCK_DGRAM, ipv6("::", 8011));
    const Fd client = connected(SOCK_DGRAM, ipv6("::ffff:127.0.0.1", 8011));
    const auto found = on_port(Proto::udp, 8011);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].state, HostSocketState::unconnected);
    EXPECT_EQ(found[0].local, Address::any(Family::ipv6));
    EXPECT_FALSE(found[0].v6only);

    const auto sockets = host_sockets().value();
    const auto other = std::ranges::find_if(sockets, [](const HostSocket& each) { return each.remote_port == 8011; });
    ASSERT_NE(other, sockets.end());
    EXPECT_EQ(other->proto, Proto::udp);
    EXPECT_EQ(other->state, HostSocketState::connected);
    EXPECT_EQ(other->local, address("127.0.0.1"));
    EXPECT_EQ(other->remote, address("127.0.0.1"));
}

TEST_F(KernelSockDiag, tcp_and_udp_on_one_port_are_kept_apart) {
    const Fd tcp = listening(ipv4("0.0.0.0", 8012));
    EXPECT_EQ(on_port(Proto::tcp, 8012).size(), 1U);
    EXPECT_TRUE(on_port(Proto::udp, 8012).empty());
}

TEST_F(KernelSockDiag, sockets_of_another_namespace_are_not_listed) {
    const Fd here = listening(ipv4("0.0.0.0", 8013));
    const auto scope = NetnsScope::enter(peer());
    ASSERT_TRUE(scope);
    EXPECT_TRUE(on_port(Proto::tcp, 8013).empty());
}

TEST_F(KernelSockDiag, more_sockets_than_one_message_holds_are_all_read) {
    constexpr std::size_t count = 900;  // below the usual limit of open files
    std::vector<Fd> sockets;
    for (std::size_t i = 0; i < count; ++i)
        sockets.push_back(bound(SOCK_DGRAM, ipv4("127.0.0.1", static_cast<std::uint16_t>(20'000 + i))));
    const auto all = host_sockets().value();
    const auto found = std::ranges::count_if(all, [](const HostSocket& each) {
        return each.proto == Proto::udp && each.local_port >= 20'000 && each.local_port < 20'000 + count;
    });
    EXPECT_EQ(found, static_cast<std::ptrdiff_t>(count));
}

TEST_F(KernelSockDiag, the_owner_of_a_socket_is_found_by_its_inode) {
    const Fd listener = listening(ipv4("127.0.0.1", 8014));
    const auto found = on_port(Proto::tcp, 8014);
    ASSERT_EQ(found.size(), 1U);
    const auto owners = socket_owners();
    const auto owner = owners.find(found[0].inode);
    ASSERT_NE(owner, owners.end());
    EXPECT_EQ(owner->second.pid, ::getpid());
    EXPECT_EQ(owner->second.name, "netns_tests");
}

TEST(ProcessName, a_process_that_does_not_exist_has_none) {
    EXPECT_EQ(process_name(0), "");
    EXPECT_EQ(process_name(::getpid()), "netns_tests");
}

TEST(SocketStateName, states_have_the_words_of_ss) {
    EXPECT_EQ(host_socket_state_name(HostSocketState::listen), "LISTEN");
    EXPECT_EQ(host_socket_state_name(HostSocketState::established), "ESTAB");
    EXPECT_EQ(host_socket_state_name(HostSocketState::connected), "ESTAB");
    EXPECT_EQ(host_socket_state_name(HostSocketState::unconnected), "UNCONN");
    EXPECT_EQ(host_socket_state_name(HostSocketState::time_wait), "TIME-WAIT");
    EXPECT_EQ(host_socket_state_name(HostSocketState::fin_wait1), "FIN-WAIT-1");
}

}  // namespace
}  // namespace xdemux::test::kernel_sock_diag_test
