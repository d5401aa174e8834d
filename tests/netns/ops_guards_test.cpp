// SPDX-License-Identifier: BSD-2-Clause
// Who may reach a port: changed without a gap, whole also where the writer is killed, and in force for real traffic to
// a port that only a socket of the host serves.
#include <csignal>
#include <set>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/ops/explain.h>
#include <xdemux/ops/snapshot.h>

#include "support/instance_fixture.h"

namespace xdemux::test::ops_guards_test {
namespace {

using ::testing::HasSubstr;

constexpr const char* friend_ipv4 = "192.0.2.77";  // of the peer, beside far_ipv4
constexpr std::uint16_t port = 2222;

ListenerChange guarded(const std::string& endpoint, const std::string& sources, std::optional<Rate> rate = {},
                       ListenerVerb verb = ListenerVerb::add) {
    ListenerChange change;
    change.verb = verb;
    change.listener.local = LocalEndpoint::parse(endpoint, Proto::tcp).value();
    if (!sources.empty()) {
        EXPECT_TRUE(parse_sources(sources, change.listener.guard.sources));
    }
    sort_sources(change.listener.guard.sources);
    change.listener.guard.rate = rate;
    return change;
}

/// 10.BLOCK.0.0/24, 10.BLOCK.1.0/24, ...; up to 65,536.
std::vector<Prefix> many_sources(std::uint8_t block, std::uint32_t count) {
    std::vector<Prefix> sources;
    for (std::uint32_t i = 0; i < count; ++i) {
        sources.push_back(
            Prefix::of(Address::ipv4({static_cast<std::uint8_t>(block + (i >> 16U)), static_cast<std::uint8_t>(i >> 8U),
                                      static_cast<std::uint8_t>(i), 0}),
                       24));
    }
    return sources;
}

class OpsGuards : public InstanceTest {
  protected:
    Status change(const std::vector<ListenerChange>& changes) {
        auto instance = Instance::open_or_create(name_);
        if (!instance) return fail(instance.error());
        return change_listeners(*instance, changes);
    }
    Explanation explained(const std::string& source, std::uint16_t to = port) {
        ExplainRequest request;
        request.packet.source = SocketAddress::parse(source + ":4000", Proto::tcp).value();
        const bool ipv4 = request.packet.source.address.family() == Family::ipv4;
        request.packet.destination = {Address::parse(ipv4 ? near_ipv4 : near_ipv6).value(), to};
        return explain(Instance::open(name_).value(), request).value();
    }
    std::string reason_for(const std::string& source, std::uint16_t to = port) {
        return std::string(reason_name(explained(source, to).reason));
    }
    Guard guard() { return read_listeners(Instance::open(name_).value())->listeners().begin()->second.guard; }

    /// The ids that have rows in the tables of guards.
    std::set<std::uint32_t> ids_with_rows() {
        const auto instance = Instance::open(name_).value();
        std::set<std::uint32_t> ids;
        EXPECT_TRUE(instance.tables().guards.for_each([&](std::uint32_t id, const contract::guard& row) {
            if (row.packet_ns != 0 || row.prefixes != 0) ids.insert(id);
            return true;
        }));
        const auto by_listener = [&](const auto& key, const auto&) {
            ids.insert(key.listener);
            return true;
        };
        EXPECT_TRUE(instance.tables().guard_sources.for_each(by_listener));
        EXPECT_TRUE(instance.tables().guard_rates.for_each(by_listener));
        return ids;
    }
    std::set<std::uint32_t> ids_of_listeners() {
        const auto set = read_listeners(Instance::open(name_).value()).value();
        std::set<std::uint32_t> ids;
        for (const auto& [id, listener] : set.listeners())
            ids.insert(id);
        return ids;
    }
};

TEST_F(OpsGuards, are_asked_for_every_form_of_listener) {
    ASSERT_TRUE(change({guarded("*:22", "10.0.0.0/8,2001:db8::/32"), guarded("0.0.0.0:23", "10.0.0.0/8"),
                        guarded("192.0.2.1:24", "10.0.0.0/8"), guarded("192.0.2.0/24:25", "10.0.0.0/8"),
                        guarded("192.0.2.1:*", "10.0.0.0/8"), guarded("*:*", "10.0.0.0/8")}));
    const std::vector<std::pair<std::uint16_t, std::string>> reasons{{22, "listener_wildcard"},
                                                                     {23, "listener_wildcard"},
                                                                     {24, "listener_exact"},
                                                                     {25, "listener_prefix"},
                                                                     {26, "listener_all_ports"}};
    for (const auto& [to, reason] : reasons) {
        EXPECT_EQ(reason_for("10.9.9.9", to), reason);
        EXPECT_EQ(reason_for("11.9.9.9", to), "source_denied") << to;
    }
    EXPECT_EQ(reason_for("[2001:db8::9]", 22), "listener_wildcard");
    EXPECT_EQ(reason_for("[2001:db9::9]", 22), "source_denied");
    EXPECT_EQ(reason_for("[2001:db8::9]", 26), "source_denied") << "IPv4 prefixes alone admit no IPv6 source";
}

TEST_F(OpsGuards, are_a_stage_of_explain) {
    ASSERT_TRUE(change({guarded("*:22", "10.0.0.0/8")}));
    const auto answer = [&](const std::string& source) {
        for (const auto& stage : explained(source, 22).stages)
            if (stage.name == "guard") return stage.answer;
        return std::string("not asked");
    };
    EXPECT_EQ(answer("10.9.9.9"), "the listener's guard admits the source");
    EXPECT_EQ(answer("11.9.9.9"), "the source is not one that the listener admits");
    EXPECT_EQ(explained("11.9.9.9", 22).verdict, contract::VERDICT_DROP);
    ASSERT_TRUE(change({guarded("*:22", "", {}, ListenerVerb::replace)}));
    EXPECT_EQ(answer("11.9.9.9"), "not asked");
}

TEST_F(OpsGuards, are_read_back_as_they_were_given) {
    const auto first = guarded("*:22", "10.0.0.0/8,192.0.2.7,2001:db8::/32,0.0.0.0/0", Rate{70'000, 3});
    const auto second = guarded("*:23", "", Rate{1, 1}), third = guarded("*:24", "");
    ASSERT_TRUE(change({first, second, third}));
    const auto rows = read_listener_rows(Instance::open(name_).value()).value();
    EXPECT_EQ(rows[0].listener.guard, first.listener.guard);
    EXPECT_EQ(rows[1].listener.guard, second.listener.guard);
    EXPECT_EQ(rows[2].listener.guard, Guard{});
}

TEST_F(OpsGuards, leave_with_their_listener) {
    ASSERT_TRUE(change({guarded("*:22", "10.0.0.0/8,2001:db8::/32", Rate{5, 5}), guarded("*:23", "10.0.0.0/8")}));
    EXPECT_EQ(ids_with_rows(), (std::set<std::uint32_t>{1, 2}));
    ASSERT_TRUE(change({guarded("*:22", "", {}, ListenerVerb::remove)}));
    EXPECT_EQ(ids_with_rows(), (std::set<std::uint32_t>{2}));
    ASSERT_TRUE(change({guarded("*:23", "", {}, ListenerVerb::replace)}));
    EXPECT_EQ(ids_with_rows(), (std::set<std::uint32_t>{}));
}

TEST_F(OpsGuards, of_ten_thousand_sources_are_loaded_replaced_and_read) {
    auto first = guarded("*:22", "");
    first.listener.guard.sources = many_sources(10, 10'000);
    ASSERT_TRUE(change({first}));
    EXPECT_EQ(guard(), first.listener.guard);
    EXPECT_EQ(reason_for("10.39.15.9", 22), "listener_wildcard") << "the last of them";
    EXPECT_EQ(reason_for("10.39.16.9", 22), "source_denied") << "behind it";
    auto second = first;
    second.verb = ListenerVerb::replace;
    second.listener.guard.sources = many_sources(20, 10'000);
    ASSERT_TRUE(change({second}));
    EXPECT_EQ(guard(), second.listener.guard);
    EXPECT_EQ(reason_for("10.0.0.9", 22), "source_denied");
    EXPECT_EQ(reason_for("20.0.0.9", 22), "listener_wildcard");
    EXPECT_EQ(ids_with_rows(), ids_of_listeners());
}

TEST_F(OpsGuards, that_do_not_fit_are_refused_and_change_nothing) {
    auto first = guarded("*:22", "10.0.0.0/8");
    ASSERT_TRUE(change({first}));
    auto large = guarded("*:23", "");
    large.listener.guard.sources = many_sources(10, 65'536);
    EXPECT_THAT(failure(change({large}), ErrorKind::full),
                HasSubstr("table \"guard_sources\" holds 65536 sources and the change takes 65537"));
    EXPECT_EQ(ids_with_rows(), (std::set<std::uint32_t>{1}));
    EXPECT_EQ(reason_for("10.0.0.9", 22), "listener_wildcard");
}

TEST_F(OpsGuards, of_a_writer_that_was_killed_are_whole_or_gone) {
    constexpr std::uint32_t count = 3000;
    auto writing = guarded("*:22", "");
    writing.verb = ListenerVerb::replace;
    writing.listener.guard.rate = Rate{5, 5};
    writing.listener.guard.sources = many_sources(10, count);
    ASSERT_TRUE(change({writing}));
    int killed = 0;
    // Each time at another moment: while sources are written, when the change is committed, while the old ones go.
    for (const std::uint32_t moment : {0U, count / 2, count - 1, count, count + 1}) {
        const Guard before = guard();
        const std::uint32_t old_id = *ids_of_listeners().begin();
        const std::uint32_t new_id = old_id == 1 ? 2 : 1;
        const bool was_ten = before.sources.front().address.bytes()[0] == 10;
        writing.listener.guard.sources = many_sources(was_ten ? 20 : 10, count);
        const auto reached = [&](const Instance& instance) {
            const Tables& tables = instance.tables();
            const auto has = [&](std::uint32_t id, const Prefix& source) {
                return tables.guard_sources.find(encode_source(id, source)).value().has_value();
            };
            if (moment < count) return has(new_id, writing.listener.guard.sources[moment]);
            if (moment == count) return tables.journal.find(0).value()->state == contract::JOURNAL_COMMITTED;
            return !has(old_id, before.sources[count / 2]);
        };
        const auto instance = Instance::open(name_).value();
        const pid_t writer = ::fork();
        if (writer == 0) ::_exit(change({writing}) ? 0 : 1);
        ASSERT_TRUE(wait_until([&] { return reached(instance); })) << moment;
        ::kill(writer, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(writer, &status, 0), writer);
        if (WIFSIGNALED(status)) ++killed;
        ASSERT_TRUE(Instance::open_for_change(name_)) << "the next writer cleans up";
        const Guard after = guard();
        EXPECT_TRUE(after == before || after == writing.listener.guard) << moment;
        if (moment >= count) {
            EXPECT_EQ(after, writing.listener.guard) << "it was committed";
        }
        EXPECT_EQ(ids_with_rows(), ids_of_listeners()) << moment;
        EXPECT_EQ(reason_for("10.0.7.9", 22) == "source_denied", after.sources.front().address.bytes()[0] == 20);
        EXPECT_EQ(reason_for("20.0.7.9", 22) == "source_denied", after.sources.front().address.bytes()[0] == 10);
    }
    EXPECT_GE(killed, 3);
}

// Traffic from two addresses of the peer to sockets of this host.

sockaddr_in socket_address(const std::string& address, std::uint16_t at) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(at);
    EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &result.sin_addr), 1);
    return result;
}

/// A socket that does not block, bound to the address.
Fd bound_socket(int type, const std::string& address, std::uint16_t at) {
    Fd fd(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_in local = socket_address(address, at);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local), 0) << address;
    return fd;
}

class OpsGuardTraffic : public OpsGuards {
  protected:
    static void SetUpTestSuite() {
        OpsGuards::SetUpTestSuite();
        run_in_peer(fmt::format("ip addr add {}/24 dev {}", friend_ipv4, far_device));
    }
    void attach_enforcing() {
        AttachRequest request = on(near_device);
        request.settings.mode = Mode::enforce;
        const auto attached = attach(name_, request);
        ASSERT_TRUE(attached) << attached.error().message();
    }
    static Fd peer_socket(int type, const std::string& source) {
        const auto scope = NetnsScope::enter(peer()).value();
        return bound_socket(type, source, 0);
    }
    /// Begins to connect.
    static Fd connecting(const std::string& source) {
        Fd fd = peer_socket(SOCK_STREAM, source);
        const sockaddr_in to = socket_address(near_ipv4, port);
        EXPECT_NE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
        return fd;
    }
    static bool is_connected(const Fd& fd) {
        pollfd poll{fd.get(), POLLOUT, 0};
        int error = 0;
        socklen_t size = sizeof error;
        return ::poll(&poll, 1, 0) == 1 && ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
               error == 0;
    }
    std::uint64_t packets_of(contract::reason reason) {
        const auto rows = read_reasons(Instance::open(name_).value()).value();
        std::uint64_t packets = 0;
        for (const auto& row : rows)
            if (row.reason == reason) packets += row.packets;
        return packets;
    }
};

TEST_F(OpsGuardTraffic, to_a_port_that_only_a_socket_serves_comes_from_the_sources_alone) {
    const Fd server = bound_socket(SOCK_STREAM, near_ipv4, port);
    ASSERT_EQ(::listen(server.get(), 8), 0);
    attach_enforcing();
    ASSERT_TRUE(change({guarded(fmt::format("*:{}", port), friend_ipv4)}));
    const Fd admitted = connecting(friend_ipv4);
    EXPECT_TRUE(wait_until([&] { return is_connected(admitted); }));
    const Fd denied = connecting(far_ipv4);
    EXPECT_TRUE(wait_until([&] { return packets_of(contract::REASON_SOURCE_DENIED) > 0; }));
    EXPECT_FALSE(is_connected(denied));
    // Now the other way round: the SYN that is sent again gets through, without a reload of the program.
    const auto program = [&] { return attached().at(0).prog_id; };
    const std::uint32_t before = program();
    ASSERT_TRUE(change({guarded(fmt::format("*:{}", port), far_ipv4, {}, ListenerVerb::replace)}));
    EXPECT_TRUE(wait_until([&] { return is_connected(denied); }));
    EXPECT_EQ(program(), before);
}

TEST_F(OpsGuardTraffic, faster_than_its_rate_is_dropped_and_other_sources_are_not_harmed) {
    const Fd server = bound_socket(SOCK_DGRAM, near_ipv4, port);
    attach_enforcing();
    auto limited = guarded(fmt::format("*:{}", port), "", Rate{1, 3});
    limited.listener.proto = Proto::udp;
    ASSERT_TRUE(change({limited}));
    const auto received = [&] {
        char byte = 0;
        std::size_t count = 0;
        while (::recv(server.get(), &byte, 1, 0) == 1)
            ++count;
        return count;
    };
    const sockaddr_in to = socket_address(near_ipv4, port);
    const auto send_from = [&](const Fd& from, int count) {
        for (int i = 0; i < count; ++i)
            EXPECT_EQ(::sendto(from.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 1);
    };
    const Fd flooding = peer_socket(SOCK_DGRAM, far_ipv4), gentle = peer_socket(SOCK_DGRAM, friend_ipv4);
    const auto start = std::chrono::steady_clock::now();
    send_from(flooding, 200);
    const auto seen = [&] {
        return packets_of(contract::REASON_RATE_LIMITED) + packets_of(contract::REASON_LISTENER_WILDCARD);
    };
    EXPECT_TRUE(wait_until([&] { return seen() == 200; }));
    const auto taken = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
    const std::size_t got = received();
    EXPECT_GE(got, 3U);
    EXPECT_LE(got, 3U + static_cast<std::size_t>(taken));
    send_from(gentle, 3);
    EXPECT_TRUE(wait_until([&] { return seen() == 203; }));
    EXPECT_EQ(received(), 3U);
}

}  // namespace
}  // namespace xdemux::test::ops_guards_test
