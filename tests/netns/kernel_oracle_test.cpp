// SPDX-License-Identifier: BSD-2-Clause
// The kernel's two ways to answer "which socket?", BPF's helpers and inet_diag's single question, and "which route?",
// over real sockets.
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/oracle.h>
#include <xdemux/kernel/sock_diag.h>

#include "support/netns_fixture.h"

namespace xdemux::test::kernel_oracle_test {
namespace {

void must(int result, const char* what) {
    if (result != 0) throw std::system_error(errno, std::generic_category(), what);
}

struct Name {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

Name name_of(const SocketAddress& address) {
    Name name;
    const auto& bytes = address.address.bytes();
    if (address.address.family() == Family::ipv4) {
        auto* ipv4 = reinterpret_cast<sockaddr_in*>(&name.storage);
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(address.port);
        std::memcpy(&ipv4->sin_addr, bytes.data(), 4);
        name.size = sizeof *ipv4;
    } else {
        auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&name.storage);
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons(address.port);
        std::memcpy(&ipv6->sin6_addr, bytes.data(), 16);
        name.size = sizeof *ipv6;
    }
    return name;
}

FlowKey packet(Proto proto, const char* local, const char* remote) {
    return {proto, SocketAddress::parse(local, proto).value(), SocketAddress::parse(remote, proto).value()};
}

/// Bound, and listening if it is TCP's; an address may be shared with a wildcard, which TCP allows to SO_REUSEPORT
/// alone.
Fd waiting(Proto proto, const char* local, const char* device = nullptr) {
    const Name name = name_of(SocketAddress::parse(local, proto).value());
    Fd socket(::socket(name.storage.ss_family, (proto == Proto::tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
    const int on = 1;
    must(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
    if (device != nullptr)
        must(::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, device,
                          static_cast<socklen_t>(std::strlen(device))),
             "SO_BINDTODEVICE");
    must(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name.storage), name.size), "bind");
    if (proto == Proto::tcp) must(::listen(socket.get(), 8), "listen");
    return socket;
}

class KernelOracle : public NetnsTest {
  protected:
    /// The helpers' answer, which inet_diag's must agree with.
    static OracleAnswer ask(const FlowKey& packet, std::uint32_t ifindex = 0) {
        static const Oracle oracle = Oracle::load().value();  // to load it is dear, to ask it is not
        const auto answer = oracle.ask(packet, ifindex).value();
        const auto found = find_host_socket(packet, ifindex);
        if (!found) throw std::runtime_error(found.error().message());
        EXPECT_EQ(found->has_value(), answer.socket.has_value()) << packet.to_string();
        if (*found && answer.socket) {
            EXPECT_EQ((*found)->state, answer.socket->state) << packet.to_string();
            EXPECT_EQ((*found)->local_port, answer.socket->local.port);
            EXPECT_EQ((*found)->ifindex, answer.socket->ifindex);
        }
        return answer;
    }
};

TEST_F(KernelOracle, nobody_waits_on_a_closed_port) {
    for (const Proto proto : {Proto::tcp, Proto::udp}) {
        EXPECT_FALSE(ask(packet(proto, "192.0.2.1:7001", "192.0.2.2:5000")).socket);
        EXPECT_FALSE(ask(packet(proto, "[2001:db8::1]:7001", "[2001:db8::2]:5000")).socket);
    }
}

TEST_F(KernelOracle, the_exact_address_comes_before_the_wildcard) {
    for (const Proto proto : {Proto::tcp, Proto::udp}) {
        const Fd any = waiting(proto, "0.0.0.0:7002");
        const Fd exact = waiting(proto, "192.0.2.1:7002");
        const auto waits = proto == Proto::tcp ? HostSocketState::listen : HostSocketState::unconnected;
        const auto first = ask(packet(proto, "192.0.2.1:7002", "192.0.2.2:5000")).socket;
        ASSERT_TRUE(first);
        EXPECT_EQ(first->local.to_string(), "192.0.2.1:7002");
        EXPECT_EQ(first->state, waits);
        const auto second = ask(packet(proto, "127.0.0.1:7002", "127.0.0.1:5000")).socket;
        ASSERT_TRUE(second);
        EXPECT_EQ(second->local.to_string(), "0.0.0.0:7002");
    }
}

TEST_F(KernelOracle, a_dual_stack_socket_hears_both_families) {
    for (const Proto proto : {Proto::tcp, Proto::udp}) {
        const Fd dual = waiting(proto, "[::]:7003");
        for (const auto& each : {packet(proto, "192.0.2.1:7003", "192.0.2.2:5000"),
                                 packet(proto, "[2001:db8::1]:7003", "[2001:db8::2]:5000")}) {
            const auto socket = ask(each).socket;
            ASSERT_TRUE(socket) << each.to_string();
            EXPECT_EQ(socket->local.to_string(), "[::]:7003");
        }
    }
}

TEST_F(KernelOracle, a_socket_bound_to_a_device_hears_that_device_alone) {
    const std::uint32_t near = ::if_nametoindex(near_device);
    for (const Proto proto : {Proto::tcp, Proto::udp}) {
        const Fd bound = waiting(proto, "0.0.0.0:7004", near_device);
        const auto socket = ask(packet(proto, "192.0.2.1:7004", "192.0.2.2:5000"), near).socket;
        ASSERT_TRUE(socket);
        EXPECT_EQ(socket->ifindex, near);
        EXPECT_FALSE(ask(packet(proto, "192.0.2.1:7004", "192.0.2.2:5000")).socket);
    }
}

TEST_F(KernelOracle, connections_are_told_from_listeners_and_seen_to_their_end) {
    const Fd listener = waiting(Proto::tcp, "127.0.0.1:7005");
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Name server = name_of(SocketAddress::parse("127.0.0.1:7005", Proto::tcp).value());
    must(::connect(client.get(), reinterpret_cast<const sockaddr*>(&server.storage), server.size), "connect");
    sockaddr_in own{};
    socklen_t size = sizeof own;
    must(::getsockname(client.get(), reinterpret_cast<sockaddr*>(&own), &size), "getsockname");
    FlowKey to_client = packet(Proto::tcp, "127.0.0.1:1", "127.0.0.1:7005");
    to_client.local.port = ntohs(own.sin_port);
    EXPECT_EQ(ask(to_client).socket->state, HostSocketState::established);
    EXPECT_EQ(ask(packet(Proto::tcp, "127.0.0.1:7005", "127.0.0.1:1")).socket->state, HostSocketState::listen);

    Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    client.reset();
    accepted.reset();
    // Until the peer's end has come the helper says TIME_WAIT already, of what inet_diag calls FIN_WAIT2.
    ASSERT_TRUE(wait_until([&] {
        const auto socket = find_host_socket(to_client, 0).value();
        return socket && socket->state == HostSocketState::time_wait;
    }));
    EXPECT_EQ(ask(to_client).socket->state, HostSocketState::time_wait);
}

TEST_F(KernelOracle, more_questions_than_a_batch_are_answered_in_their_order) {
    const Fd listener = waiting(Proto::tcp, "192.0.2.1:7006");
    const auto oracle = Oracle::load().value();
    std::vector<FlowKey> packets;
    for (std::size_t i = 0; i < 2 * Oracle::batch + 1; ++i)
        packets.push_back(packet(Proto::tcp, i % 3 == 0 ? "192.0.2.1:7006" : "192.0.2.1:7007", "192.0.2.2:5000"));
    const auto answers = oracle.ask(packets, 0).value();
    ASSERT_EQ(answers.size(), packets.size());
    for (std::size_t i = 0; i < answers.size(); ++i)
        EXPECT_EQ(answers[i].socket.has_value(), i % 3 == 0) << i;
}

TEST_F(KernelOracle, a_route_is_local_here_and_forwards_where_forwarding_is_on) {
    const std::uint32_t near = ::if_nametoindex(near_device);
    const FlowKey here = packet(Proto::tcp, "192.0.2.1:80", "192.0.2.2:5000");
    const FlowKey through = packet(Proto::tcp, "192.0.2.77:80", "192.0.2.2:5000");
    EXPECT_EQ(ask(through, near).route, RouteAnswer::no_forwarding);
    run("sysctl -qw net.ipv4.conf.xd0.forwarding=1");
    EXPECT_EQ(ask(through, near).route, RouteAnswer::forwards);
    EXPECT_EQ(ask(here, near).route, RouteAnswer::here);
    run("sysctl -qw net.ipv4.conf.xd0.forwarding=0");
}

TEST_F(KernelOracle, the_entry_of_a_route_is_told) {
    const auto local = route_to(Address::parse("192.0.2.1").value()).value();
    EXPECT_EQ(local.kind, RouteKind::local);
    EXPECT_EQ(local.prefix.to_string(), "192.0.2.1/32");
    const auto neighbour = route_to(Address::parse("192.0.2.77").value()).value();
    EXPECT_EQ(neighbour.kind, RouteKind::unicast);
    EXPECT_EQ(neighbour.prefix.to_string(), "192.0.2.0/24");
    EXPECT_EQ(route_to(Address::parse("192.0.2.255").value())->kind, RouteKind::broadcast);
    EXPECT_EQ(route_to(Address::parse("198.51.100.1").value())->kind, RouteKind::none);
    EXPECT_EQ(route_to(Address::parse("2001:db8::1").value())->kind, RouteKind::local);
    EXPECT_EQ(route_to(Address::parse("2001:db8:9::1").value())->kind, RouteKind::none);
}

}  // namespace
}  // namespace xdemux::test::kernel_oracle_test
