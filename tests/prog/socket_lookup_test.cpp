// SPDX-License-Identifier: BSD-2-Clause
// Delivery to registered sockets: the sk_lookup program finds the listener that the pipeline finds, and its socket.
#include <list>
#include <random>

#include "support/expectation.h"
#include "support/socket.h"

namespace xdemux::test::socket_lookup_test {
namespace {

constexpr std::uint16_t port = 8080;
constexpr std::uint32_t first_number = TARGET_FIRST;

Entry entry(std::uint32_t id, std::uint16_t at = port, std::uint32_t ifindex = 0) {
    return {.proto = PROTO_TCP, .port = at, .target = TARGET_PASS, .id = id, .ifindex = ifindex};
}

// Which takes packets of both families.
Socket server(proto proto = PROTO_TCP) {
    Socket socket(AF_INET6, proto == PROTO_TCP ? SOCK_STREAM : SOCK_DGRAM);
    socket.bind("::");
    if (proto == PROTO_TCP) socket.listen();
    return socket;
}

class SocketLookup : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }

    // A target of its own for the listener.
    void deliver(std::uint32_t listener, target_kind fallback = TARGET_PASS) {
        contract::target row{};
        row.kind = TARGET_SOCKET;
        row.fallback = fallback;
        program().set_target(first_number + listener, row);
        program().set_listener_target(listener, first_number + listener);
    }

    // With a socket.
    Socket& serve(std::uint32_t listener, Socket socket = server(), target_kind fallback = TARGET_PASS) {
        deliver(listener, fallback);
        program().register_socket(first_number + listener, socket.fd());
        return sockets_.emplace_back(std::move(socket));
    }

    void expect_socket(const Socket& socket, std::string_view local = host_ipv4, std::uint16_t at = port,
                       proto proto = PROTO_TCP) {
        const LookUp found = program().look_up(proto, local, at);
        EXPECT_EQ(found.verdict, SK_PASS) << local << ":" << at;
        EXPECT_EQ(found.cookie, socket.cookie()) << local << ":" << at;
    }

    void expect_kernels_own(std::string_view local = host_ipv4, std::uint16_t at = port, proto proto = PROTO_TCP) {
        const LookUp found = program().look_up(proto, local, at);
        EXPECT_EQ(found.verdict, SK_PASS) << local << ":" << at;
        EXPECT_EQ(found.cookie, 0U) << local << ":" << at;
    }

    void expect_counts(std::uint32_t listener, std::uint64_t packets, std::uint64_t fallback_packets) {
        const target_count count = program().target_count(first_number + listener);
        EXPECT_EQ(count.packets, packets);
        EXPECT_EQ(count.fallback_packets, fallback_packets);
        EXPECT_EQ(count.bytes, 0U);
        EXPECT_EQ(count.fallback_bytes, 0U);
    }

    std::list<Socket> sockets_;
};

TEST_F(SocketLookup, LeavesWhatNoListenerHasToTheKernel) {
    expect_kernels_own();
    expect_kernels_own(host_ipv6);
    program().add_wildcard(entry(1), FAMILY_DUAL);
    const Socket& socket = serve(1);
    expect_socket(socket);
    expect_kernels_own(host_ipv4, port + 1);
    expect_kernels_own(host_ipv4, port, PROTO_UDP);
    expect_kernels_own(host_ipv4, 0);
    expect_counts(1, 1, 0);
}

TEST_F(SocketLookup, FollowsEachStepOfThePrecedence) {
    // From the last step to the first: each that is added takes the packet from all before it.
    const auto take_over = [&](std::uint32_t id) {
        const Socket& socket = serve(id);
        expect_socket(socket, host_ipv4);
        expect_socket(socket, host_ipv6);
        expect_counts(id, 2, 0);
    };
    program().add_wildcard(entry(1, 0), FAMILY_DUAL);
    take_over(1);
    program().add_wildcard(entry(2, 0), FAMILY_IPV4);
    program().add_wildcard(entry(2, 0), FAMILY_IPV6);
    take_over(2);
    program().add_prefix(entry(3, 0), "192.0.2.0", 24);
    program().add_prefix(entry(3, 0), "2001:db8::", 32);
    take_over(3);
    program().add_exact(entry(4, 0), host_ipv4);
    program().add_exact(entry(4, 0), host_ipv6);
    take_over(4);
    program().add_wildcard(entry(5), FAMILY_DUAL);
    take_over(5);
    program().add_wildcard(entry(6), FAMILY_IPV4);
    program().add_wildcard(entry(6), FAMILY_IPV6);
    take_over(6);
    program().add_prefix(entry(7), "192.0.0.0", 16);
    program().add_prefix(entry(7), "2001:db8::", 32);
    take_over(7);
    program().add_prefix(entry(8), "192.0.2.0", 24);
    program().add_prefix(entry(8), "2001:db8::", 64);
    take_over(8);
    program().add_exact(entry(9), host_ipv4);
    program().add_exact(entry(9), host_ipv6);
    take_over(9);
    expect_socket(*std::next(sockets_.begin(), 7), "192.0.2.77");
    expect_socket(*std::next(sockets_.begin(), 6), "192.0.9.9");
    expect_socket(*std::next(sockets_.begin(), 5), "203.0.113.1");
}

TEST_F(SocketLookup, DoesNotHearForAListenerOfAnotherDevice) {
    program().add_wildcard(entry(1, port, Testbed::get().ifindex()), FAMILY_DUAL);
    program().add_exact(entry(2, port, Testbed::get().ifindex()), host_ipv4);
    serve(1);
    serve(2);
    expect_kernels_own();
    program().add_wildcard(entry(3), FAMILY_DUAL);
    expect_socket(serve(3));
}

// One set of listeners after the other, in the same places; every packet goes to the listener that the pipeline names.
TEST_F(SocketLookup, AgreesWithThePipelineOnRandomListeners) {
    constexpr std::string_view addresses[] = {host_ipv4, "192.0.2.7",   "192.0.3.7",
                                              host_ipv6, "2001:db8::7", "2001:db8:1::7"};
    constexpr std::uint16_t ports[] = {port, port + 1};
    constexpr int sets = 20, listeners = 12;
    std::mt19937 random(20261122);
    const auto draw = [&](std::size_t below) {
        return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
    };
    std::size_t found = 0;
    for (int set = 0; set < sets; set++) {
        load(enforce(VERDICT_DROP));
        sockets_.clear();
        program().add_local_route("192.0.0.0", 16);
        program().add_local_route("2001:db8::", 32);
        std::map<std::uint32_t, std::uint64_t> cookies{{0, 0}};
        for (std::uint32_t id = 1; id <= listeners; id++) {
            Entry one = entry(id, std::array<std::uint16_t, 3>{0, port, port + 1}[draw(3)]);
            one.proto = draw(2) == 0 ? PROTO_TCP : PROTO_UDP;
            // Some pass to the kernel's own look-up, some do not pass.
            const std::size_t kind = draw(8);
            if (kind == 0) one.target = TARGET_DROP;
            if (kind > 1) cookies[id] = serve(id, server(one.proto)).cookie();
            const std::string_view address = addresses[draw(std::size(addresses))];
            const bool ipv6 = address.find(':') != std::string_view::npos;
            switch (draw(3)) {
                case 0:
                    program().add_exact(one, address);
                    break;
                case 1:
                    program().add_prefix(one, ipv6 ? "2001:db8::" : "192.0.2.0", ipv6 ? 48 : 24);
                    break;
                default:
                    program().add_wildcard(one, std::array{FAMILY_IPV4, FAMILY_IPV6, FAMILY_DUAL}[draw(3)]);
            }
        }
        for (const auto address : addresses) {
            const bool ipv6 = address.find(':') != std::string_view::npos;
            for (const std::uint16_t at : ports) {
                for (const proto proto : {PROTO_TCP, PROTO_UDP}) {
                    const Packet packet = proto == PROTO_TCP ? (ipv6 ? tcp6(at, address) : tcp4(at, address)).syn()
                                                             : (ipv6 ? udp6(at, address) : udp4(at, address));
                    const trace named = program().run_traced(packet, program().settings().trace_key).trace;
                    const auto cookie = cookies.find(named.listener);
                    EXPECT_EQ(program().look_up(proto, address, at).cookie,
                              cookie == cookies.end() ? 0 : cookie->second)
                        << "set " << set << ", " << address << ":" << at << ", listener " << named.listener;
                    found += cookie != cookies.end() && cookie->first != 0 ? 1 : 0;
                }
            }
        }
    }
    EXPECT_GT(found, 100U);  // of 480
}

TEST_F(SocketLookup, LeavesWhatAFlowHasToTheKernel) {
    program().add_wildcard(entry(1), FAMILY_DUAL);
    const Socket& socket = serve(1);
    program().add_flow(PROTO_TCP, host_ipv4, port, peer_ipv4, peer_port, TARGET_PASS);
    program().add_flow(PROTO_TCP, host_ipv6, port, peer_ipv6, peer_port + 1, TARGET_PASS);
    expect_kernels_own(host_ipv4);
    expect_socket(socket, host_ipv6);
    expect_socket(socket, "192.0.2.2");
}

TEST_F(SocketLookup, AssignsNothingForAListenerThatDoesNotPass) {
    Entry dropped = entry(1);
    dropped.target = TARGET_DROP;
    program().add_wildcard(dropped, FAMILY_DUAL);
    serve(1);
    program().add_wildcard(entry(2, port + 1), FAMILY_DUAL);
    expect_kernels_own();
    expect_kernels_own(host_ipv4, port + 1);
    expect_counts(1, 0, 0);
}

TEST_F(SocketLookup, FallsBackWhereNoSocketIsRegistered) {
    program().add_wildcard(entry(1), FAMILY_DUAL);
    deliver(1);
    expect_kernels_own();
    expect_counts(1, 0, 1);
    deliver(1, TARGET_REJECT);
    EXPECT_EQ(program().look_up(PROTO_TCP, host_ipv4, port).verdict, SK_DROP);
    expect_counts(1, 0, 2);
}

TEST_F(SocketLookup, FallsBackOnceTheSocketIsClosed) {
    program().add_wildcard(entry(1), FAMILY_DUAL);
    Socket& socket = serve(1, server(), TARGET_REJECT);
    expect_socket(socket);
    socket.close();
    const LookUp found = program().look_up(PROTO_TCP, host_ipv4, port);
    EXPECT_EQ(found.verdict, SK_DROP);
    EXPECT_EQ(found.cookie, 0U);
    expect_counts(1, 1, 1);
}

TEST_F(SocketLookup, FallsBackWhereTheSocketCannotTakeThePacket) {
    Socket only4(AF_INET, SOCK_STREAM), only6(AF_INET6, SOCK_STREAM);
    only4.bind("0.0.0.0").listen();
    only6.set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    only6.bind("::").listen();
    program().add_wildcard(entry(1), FAMILY_DUAL);
    program().add_wildcard(entry(2, port + 1), FAMILY_DUAL);
    program().add_wildcard(entry(3, port + 2), FAMILY_DUAL);
    const Socket& four = serve(1, std::move(only4));
    const Socket& six = serve(2, std::move(only6));
    serve(3, server(PROTO_UDP));
    expect_socket(four, host_ipv4, port);
    expect_kernels_own(host_ipv6, port);
    expect_kernels_own(host_ipv4, port + 1);
    expect_socket(six, host_ipv6, port + 1);
    expect_kernels_own(host_ipv4, port + 2);
    expect_counts(1, 1, 1);
    expect_counts(2, 1, 1);
    expect_counts(3, 0, 1);
}

TEST_F(SocketLookup, KeepsToTheRegisteredSocketOfAReuseportGroup) {
    Socket old(AF_INET, SOCK_STREAM), young(AF_INET, SOCK_STREAM);
    old.set(SOL_SOCKET, SO_REUSEPORT, 1);
    young.set(SOL_SOCKET, SO_REUSEPORT, 1);
    old.bind("0.0.0.0").listen();
    young.bind("0.0.0.0", old.port()).listen();
    program().add_wildcard(entry(1), FAMILY_IPV4);
    const Socket& first = serve(1, std::move(old));
    for (int last = 1; last < 50; last++)
        expect_socket(first, "192.0.2." + std::to_string(last));
    program().register_socket(first_number + 1, young.fd());
    for (int last = 1; last < 50; last++)
        expect_socket(young, "192.0.2." + std::to_string(last));
}

TEST_F(SocketLookup, AssignsNothingInMonitorMode) {
    load(monitor(VERDICT_DROP));
    program().add_wildcard(entry(1), FAMILY_DUAL);
    serve(1, server(), TARGET_REJECT);
    expect_kernels_own();
    sockets_.front().close();
    expect_kernels_own();
    expect_counts(1, 0, 0);
}

TEST_F(SocketLookup, ActsByTheFormerRulesOnceTheTimeToConfirmIsOver) {
    contract::settings settings = enforce(VERDICT_DROP);
    settings.fallback.mode = MODE_MONITOR;
    settings.confirm_by_ns = 1;
    load(settings);
    program().add_wildcard(entry(1), FAMILY_DUAL);
    serve(1);
    expect_kernels_own();
    settings.confirm_by_ns = coarse_now_ns() + 3'600'000'000'000;
    load(settings);
    sockets_.clear();
    program().add_wildcard(entry(1), FAMILY_DUAL);
    expect_socket(serve(1));
}

}  // namespace
}  // namespace xdemux::test::socket_lookup_test
