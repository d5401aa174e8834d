// SPDX-License-Identifier: BSD-2-Clause
// AF_XDP sockets that are handed over: what is let in, what a closed one leaves, and that its place is never another's
// while something leads there.
#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include <fcntl.h>
#include <sys/socket.h>

#include <xdemux/kernel/descriptor.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/xsk_socket.h>
#include <xdemux/ops/settings.h>
#include <xdemux/ops/targets.h>
#include <xdemux/ops/xsk_consumer.h>
#include <xdemux/ops/xsk_consumer_c.h>
#include <xdemux/ops/xsks.h>

#include "support/instance_fixture.h"

namespace xdemux::test::ops_xsks_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OpsXsks : public InstanceTest {
  protected:
    void SetUp() override { make(); }

    static ReceiveQueue queue(const char* device = near_device) {
        return {interface_by_name(device).value().ifindex, 0};
    }
    static XskSocket open_socket(const char* device = near_device) { return XskSocket::open(queue(device)).value(); }

    [[nodiscard]] Instance change() const { return Instance::open_for_change(name_).value(); }
    [[nodiscard]] XskRegistration registration(const std::string& name, int fd,
                                               const char* device = near_device) const {
        return {name, device, 0, fd, ::getpid()};
    }
    Status add(const std::string& name, int fd, const char* device = near_device) {
        auto instance = change();
        return register_xsk(instance, registration(name, fd, device));
    }
    /// "NAME DEVICE:QUEUE open|closed" of each.
    [[nodiscard]] std::vector<std::string> rows() const {
        std::vector<std::string> text;
        const auto xsks = read_xsks(Instance::open(name_).value()).value();
        for (const XskRow& row : xsks) {
            if (row.queues.empty()) text.push_back(row.target.name + " none");
            for (const XskQueueRow& each : row.queues)
                text.push_back(
                    fmt::format("{} {}:{} {}", row.target.name, each.dev, each.queue, each.alive ? "open" : "closed"));
        }
        return text;
    }
    [[nodiscard]] std::string hindrance() const {
        const auto targets = target_rows(Instance::open(name_).value()).value();
        return targets.size() == 1 ? targets.front().hindrance : fmt::format("{} targets", targets.size());
    }
    /// The place that leads to the name's socket on the near device.
    [[nodiscard]] std::uint32_t place_of(const std::string& name) const {
        const auto instance = Instance::open(name_).value();
        const auto number = read_targets(instance.tables()).value().number_of(Target::parse("xsk:" + name).value());
        const auto place = instance.tables().steering.xsk_queues.find({queue().ifindex, 0, number.value_or(0)});
        return place.value().value_or(contract::xsk_place{UINT32_MAX, 0}).index;
    }
};

TEST_F(OpsXsks, a_socket_serves_its_queue_until_it_is_withdrawn) {
    const XskSocket socket = open_socket();
    ASSERT_TRUE(add("one", socket.fd()));
    EXPECT_THAT(rows(), ElementsAre("one xd0:0 open"));
    EXPECT_EQ(hindrance(), "its sockets are on interfaces that are not attached");
    ASSERT_TRUE(attach(name_, on(near_device)));
    EXPECT_EQ(hindrance(), "");
    auto instance = change();
    EXPECT_EQ(unregister_xsk(instance, {"one"}).value(), 1U);
    EXPECT_THAT(rows(), IsEmpty());
    EXPECT_THAT(failure(unregister_xsk(instance, {"one"}), ErrorKind::not_found),
                HasSubstr("no AF_XDP socket is registered as \"one\""));
}

TEST_F(OpsXsks, what_does_not_fit_is_refused_and_changes_nothing) {
    const XskSocket socket = open_socket();
    const Fd unbound(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    const Fd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_THAT(failure(add("one", udp.get()), ErrorKind::usage), HasSubstr("is no AF_XDP socket"));
    EXPECT_THAT(failure(add("one", file.get()), ErrorKind::usage), HasSubstr("is no AF_XDP socket"));
    EXPECT_THAT(failure(add("one", 9999), ErrorKind::not_found), HasSubstr("descriptor 9999 is not open"));
    EXPECT_THAT(failure(add("one", unbound.get()), ErrorKind::usage), HasSubstr("is not bound to a queue"));
    EXPECT_THAT(failure(add("one", socket.fd(), "lo"), ErrorKind::usage),
                HasSubstr("is bound to queue 0 of xd0, not to queue 0 of lo"));
    EXPECT_THAT(failure(add("one", socket.fd(), "xd9"), ErrorKind::not_found), HasSubstr("xd9"));
    EXPECT_THAT(failure(add("no name", socket.fd()), ErrorKind::usage), HasSubstr("a name is 1 to 15 letters"));
    EXPECT_THAT(failure(add("one,fallback=drop", socket.fd()), ErrorKind::usage), HasSubstr("is no name"));
    auto instance = change();
    XskRegistration dry = registration("one", socket.fd());
    dry.dry_run = true;
    EXPECT_TRUE(register_xsk(instance, dry));
    XskRegistration stranger = registration("one", socket.fd());
    stranger.pid = 4'194'304;  // pid_max is no pid
    EXPECT_THAT(failure(register_xsk(instance, stranger), ErrorKind::not_found), HasSubstr("there is no process"));
    EXPECT_THAT(rows(), IsEmpty());
    EXPECT_THAT(target_rows(instance).value(), IsEmpty());
}

TEST_F(OpsXsks, a_queue_has_one_open_socket_of_a_name) {
    auto first = std::make_optional(open_socket());
    ASSERT_TRUE(add("one", first->fd()));
    const XskSocket beside = first->open_beside().value();
    EXPECT_THAT(failure(add("one", beside.fd()), ErrorKind::in_use),
                HasSubstr("queue 0 of xd0 is served for xsk:one by a socket of netns_tests"));
    EXPECT_TRUE(add("two", beside.fd()));
    EXPECT_THAT(rows(), ElementsAre("one xd0:0 open", "two xd0:0 open"));
    first.reset();
    EXPECT_THAT(rows(), ElementsAre("one xd0:0 closed", "two xd0:0 open"));
    EXPECT_TRUE(add("one", beside.open_beside().value().fd()));
}

/// The UDP ports that the frames which wait at a socket are for.
std::vector<unsigned> ports_at(XskSocket& socket) {
    std::array<XskFrame, 8> frames;
    std::vector<unsigned> ports;
    constexpr std::size_t port_at = 14 + 20 + 2;
    for (const XskFrame& frame : std::span(frames).first(socket.receive(frames))) {
        ports.push_back(frame.bytes[port_at] * 256U + frame.bytes[port_at + 1]);
        socket.release(frame);
    }
    EXPECT_TRUE(socket.flush());
    return ports;
}

TEST_F(OpsXsks, two_names_share_a_queue_and_each_gets_its_own_port) {
    const auto enforced = [&] {
        auto instance = change();
        std::vector<ListenerChange> wanted;
        for (const auto* words : {"7001 one", "7002 two"}) {
            const std::string text = words;
            wanted.push_back(listener(fmt::format("0.0.0.0:{}", text.substr(0, 4))));
            wanted.back().listener.proto = Proto::udp;
            wanted.back().listener.target = Target::parse("xsk:" + text.substr(5)).value();
        }
        return change_listeners(instance, wanted) && change_settings(instance, {{Mode::enforce, {}, {}}});
    };
    ASSERT_TRUE(enforced());
    ASSERT_TRUE(attach(name_, on(near_device, AttachMode::native)));
    XskSocket first = open_socket();
    XskSocket second = first.open_beside().value();
    ASSERT_TRUE(add("one", first.fd()));
    ASSERT_TRUE(add("two", second.fd()));
    for (const auto* port : {"7001", "7002", "7001"})
        run_in_peer(fmt::format("bash -c 'echo -n hello >/dev/udp/{}/{}'", near_ipv4, port));
    std::vector<unsigned> by_first, by_second;
    EXPECT_TRUE(wait_until([&] {
        std::ranges::copy(ports_at(first), std::back_inserter(by_first));
        std::ranges::copy(ports_at(second), std::back_inserter(by_second));
        return by_first.size() + by_second.size() >= 3;
    }));
    EXPECT_THAT(by_first, ElementsAre(7001, 7001));
    EXPECT_THAT(by_second, ElementsAre(7002));
}

TEST_F(OpsXsks, linux_gives_a_queue_to_one_memory) {
    const XskSocket first = open_socket();
    EXPECT_THAT(failure(XskSocket::open(queue()), ErrorKind::in_use),
                HasSubstr("another AF_XDP socket has this queue"));
    EXPECT_THAT(failure(XskSocket::open({queue().ifindex, 77}), ErrorKind::not_found), HasSubstr("no such queue"));
    EXPECT_THAT(failure(XskSocket::open(queue("lo"), {100}), ErrorKind::usage), HasSubstr("a power of two"));
}

TEST_F(OpsXsks, a_closed_socket_is_told_and_the_next_change_forgets_it) {
    {
        const XskSocket socket = open_socket();
        ASSERT_TRUE(add("one", socket.fd()));
    }
    EXPECT_THAT(rows(), ElementsAre("one xd0:0 closed"));
    EXPECT_EQ(hindrance(), "the sockets registered under its name are closed");
    (void)change();
    EXPECT_THAT(rows(), IsEmpty());
    EXPECT_THAT(target_rows(Instance::open(name_).value()).value(), IsEmpty());
}

TEST_F(OpsXsks, a_name_that_a_listener_has_stays_and_waits) {
    {
        auto instance = change();
        ListenerChange wanted = listener("0.0.0.0:53");
        wanted.listener.target = Target::parse("xsk:one,fallback=drop").value();
        ASSERT_TRUE(change_listeners(instance, std::array{wanted}));
    }
    EXPECT_THAT(rows(), ElementsAre("one none"));
    EXPECT_EQ(hindrance(), "no AF_XDP socket is registered under its name");
    {
        const XskSocket socket = open_socket();
        auto instance = change();
        XskRegistration other = registration("one", socket.fd());
        other.fallback = TargetKind::reject;
        EXPECT_THAT(failure(register_xsk(instance, other), ErrorKind::in_use), HasSubstr("fallback drop"));
        ASSERT_TRUE(register_xsk(instance, registration("one", socket.fd())));
    }
    (void)change();
    EXPECT_THAT(rows(), ElementsAre("one none"));
}

TEST_F(OpsXsks, a_place_is_not_given_away_while_a_row_leads_there) {
    auto dead = std::make_optional(open_socket());
    const XskSocket alive = dead->open_beside().value();
    ASSERT_TRUE(add("dead", dead->fd()));
    const std::uint32_t place = place_of("dead");
    // Opened before the socket is closed, so that nobody has swept.
    auto instance = change();
    dead.reset();
    ASSERT_TRUE(register_xsk(instance, registration("alive", alive.fd())));
    EXPECT_EQ(place_of("dead"), place);
    EXPECT_NE(place_of("alive"), place);
    EXPECT_THAT(rows(), ElementsAre("alive xd0:0 open", "dead xd0:0 closed"));
    ASSERT_TRUE(sweep_xsks(instance));
    EXPECT_THAT(rows(), ElementsAre("alive xd0:0 open"));
}

TEST_F(OpsXsks, what_a_killed_registration_left_gives_way) {
    const XskSocket left = open_socket();
    const XskSocket socket = left.open_beside().value();
    {
        auto instance = change();
        ASSERT_TRUE(instance.tables().steering.xsks.put(0, static_cast<std::uint32_t>(left.fd())));
    }
    ASSERT_TRUE(add("one", socket.fd()));
    EXPECT_EQ(place_of("one"), 0U);
    EXPECT_THAT(rows(), ElementsAre("one xd0:0 open"));
}

TEST_F(OpsXsks, an_interface_that_is_gone_is_forgotten) {
    auto pair = std::make_optional<VethPair>("xd6", "xd7");
    const XskSocket socket = open_socket("xd6");
    ASSERT_TRUE(add("one", socket.fd(), "xd6"));
    pair.reset();
    (void)change();
    EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(OpsXsks, a_consumer_withdraws_what_it_handed_over_alone) {
    auto consumer = std::make_optional(XskConsumer::open("one", {name_}).value());
    const auto socket = consumer->open_queue(near_device, 0);
    ASSERT_TRUE(socket) << socket.error().message();
    auto other = XskConsumer::open("two", {name_, TargetKind::drop}).value();
    const XskSocket beside = socket->open_beside().value();
    ASSERT_TRUE(other.serve(near_device, 0, beside.fd()));
    EXPECT_THAT(rows(), ElementsAre("one xd0:0 open", "two xd0:0 open"));
    consumer.reset();
    EXPECT_THAT(rows(), ElementsAre("two xd0:0 open"));
    EXPECT_TRUE(other.withdraw());
    EXPECT_TRUE(other.withdraw());
    EXPECT_THAT(rows(), IsEmpty());
    EXPECT_THAT(failure(XskConsumer::open("one", {"there-is-none"}), ErrorKind::not_loaded),
                HasSubstr("is not loaded"));
    EXPECT_THAT(failure(XskConsumer::open("much-too-long-a-name", {name_}), ErrorKind::usage), HasSubstr("1 to 15"));
}

TEST_F(OpsXsks, plain_c_does_the_same) {
    const XskSocket socket = open_socket();
    std::array<char, 160> message{};
    xdemux_xsk* consumer = nullptr;
    EXPECT_EQ(xdemux_xsk_open(name_.c_str(), "one", "perhaps", &consumer, message.data(), message.size()), 2);
    EXPECT_STREQ(message.data(), "unknown fallback \"perhaps\"; it is pass, drop or reject");
    ASSERT_EQ(xdemux_xsk_open(name_.c_str(), "one", "drop", &consumer, message.data(), message.size()), 0);
    EXPECT_EQ(xdemux_xsk_serve(consumer, near_device, 0, 9999, message.data(), message.size()), 5);
    EXPECT_EQ(xdemux_xsk_serve(consumer, near_device, 0, socket.fd(), message.data(), message.size()), 0);
    EXPECT_THAT(rows(), ElementsAre("one xd0:0 open"));
    EXPECT_EQ(xdemux_xsk_withdraw(consumer, message.data(), message.size()), 0);
    EXPECT_THAT(rows(), IsEmpty());
    EXPECT_EQ(xdemux_xsk_serve(consumer, near_device, 0, socket.fd(), nullptr, 0), 0);
    xdemux_xsk_close(consumer);
    EXPECT_THAT(rows(), IsEmpty());
    xdemux_xsk_close(nullptr);
}

}  // namespace
}  // namespace xdemux::test::ops_xsks_test
