// SPDX-License-Identifier: BSD-2-Clause
// The parts of verify that need no kernel: what it draws, and what it expects of a packet.
#include <set>

#include <gmock/gmock.h>

#include "verify_draw.h"
#include "verify_model.h"

namespace xdemux::test::ops_verify {
namespace {

SocketAddress address(const char* text) {
    return SocketAddress::parse(text, Proto::tcp).value();
}

Aims some_aims() {
    Aim listener;
    listener.local = LocalEndpoint::parse("203.0.113.0/24:80-90", Proto::tcp).value();
    Aim flow;
    flow.local = LocalEndpoint::parse("[2001:db8::1]:443", Proto::tcp).value();
    flow.remote = address("[2001:db8::2]:5000");
    Aims aims;
    aims.groups = {{listener}, {flow}};
    aims.locals = {std::vector<Address>{address("192.0.2.1:1").address}, {address("[2001:db8::1]:1").address}};
    return aims;
}

TEST(VerifyDraw, the_same_seed_draws_the_same_packets) {
    const Aims aims = some_aims();
    PacketDraw first(aims, 7), second(aims, 7), other(aims, 8);
    bool differs = false;
    for (int i = 0; i < 100; ++i) {
        const auto frame = build_packet(first.next().spec).value();
        EXPECT_EQ(frame, build_packet(second.next().spec).value());
        differs = differs || frame != build_packet(other.next().spec).value();
    }
    EXPECT_TRUE(differs);
}

TEST(VerifyDraw, every_kind_is_drawn_and_a_hit_hits) {
    const Aims aims = some_aims();
    PacketDraw draw(aims, 1);
    std::set<Drawn> drawn;
    std::set<Family> families;
    std::set<unsigned> flags;
    const Prefix prefix = Prefix::parse("203.0.113.0/24").value();
    for (int i = 0; i < 2000; ++i) {
        const DrawnPacket packet = draw.next();
        drawn.insert(packet.drawn);
        families.insert(packet.spec.destination.address.family());
        flags.insert(packet.spec.tcp_flags);
        ASSERT_TRUE(build_packet(packet.spec)) << "families must agree";
        if (packet.drawn != Drawn::hit) continue;
        if (packet.spec.destination.address.family() == Family::ipv4) {
            EXPECT_TRUE(prefix.contains(packet.spec.destination.address));
            EXPECT_GE(packet.spec.destination.port, 80);
            EXPECT_LE(packet.spec.destination.port, 90);
        } else {
            EXPECT_EQ(packet.spec.destination, address("[2001:db8::1]:443"));
            EXPECT_EQ(packet.spec.source, address("[2001:db8::2]:5000"));
        }
    }
    EXPECT_EQ(drawn.size(), drawn_kinds);
    EXPECT_EQ(families.size(), 2U);
    EXPECT_GE(flags.size(), 10U);
}

TEST(VerifyDraw, loopback_destinations_come_in_by_the_loopback_device_alone) {
    Aim aim;
    aim.local = LocalEndpoint::parse("127.0.0.1:80", Proto::tcp).value();
    Aims aims = some_aims();
    aims.groups = {{aim}};
    PacketDraw draw(aims, 1);
    for (int i = 0; i < 500; ++i)
        EXPECT_FALSE(draw.next().spec.destination.address.is_loopback());
}

class Model : public ::testing::Test {
  protected:
    void add(const char* endpoint, TargetKind target, bool reuseport = false, const char* name = "") {
        Listener listener;
        listener.local = LocalEndpoint::parse(endpoint, Proto::tcp).value();
        listener.target = {target};
        listener.reuseport = reuseport;
        listener.name = name;
        ASSERT_TRUE(listeners_.add(listener));
    }
    /// `port`: in place of the destination's; no text names port 0.
    VerifyOutcome expect(const char* destination, int port = -1) {
        packet_.source = address("198.51.100.9:5000");
        packet_.destination = address(destination);
        if (port >= 0) packet_.destination.port = static_cast<std::uint16_t>(port);
        const std::vector<LocalRoute> routes = {{Prefix::parse("192.0.2.1/32").value(), 1}};
        return VerifyModel(listeners_, routes, settings_).expect(packet_, facts_);
    }

    ListenerSet listeners_;
    Settings settings_{Mode::enforce, ClosedPolicy::drop, true};
    PacketSpec packet_;
    VerifyModel::Facts facts_;
};

constexpr auto pass = contract::VERDICT_PASS;
constexpr auto drop = contract::VERDICT_DROP;
constexpr auto reject = contract::VERDICT_REJECT;

TEST_F(Model, what_no_table_names_is_the_kernels_to_say) {
    EXPECT_EQ(expect("192.0.2.1:80"), (VerifyOutcome{contract::REASON_CLOSED, drop, drop, 0}));
    facts_.kernel.socket = OracleAnswer::Socket{};
    EXPECT_EQ(expect("192.0.2.1:80"), (VerifyOutcome{contract::REASON_HOST_SOCKET, pass, pass, 0}));
    EXPECT_EQ(expect("192.0.2.1:80", 0), (VerifyOutcome{contract::REASON_PORT_ZERO, drop, drop, 0}));
    settings_.host = false;
    EXPECT_EQ(expect("192.0.2.1:80"), (VerifyOutcome{contract::REASON_CLOSED, drop, drop, 0}));
    settings_.mode = Mode::monitor;
    EXPECT_EQ(expect("192.0.2.1:80"), (VerifyOutcome{contract::REASON_CLOSED, drop, pass, 0}));
    EXPECT_EQ(expect("192.0.2.9:80").reason, contract::REASON_NOT_LOCAL);
    EXPECT_EQ(expect("224.0.0.1:80").reason, contract::REASON_MULTICAST);
}

TEST_F(Model, listeners_and_flows_come_in_their_order) {
    add("*:80", TargetKind::drop);
    add("192.0.2.1:80", TargetKind::pass);
    add("203.0.113.0/24:80", TargetKind::drop);
    add("0.0.0.0:*", TargetKind::drop);
    EXPECT_EQ(expect("192.0.2.1:80"), (VerifyOutcome{contract::REASON_LISTENER_EXACT, pass, pass, 2}));
    EXPECT_EQ(expect("203.0.113.7:80"), (VerifyOutcome{contract::REASON_LISTENER_PREFIX, drop, drop, 3}));
    EXPECT_EQ(expect("192.0.2.1:81"), (VerifyOutcome{contract::REASON_LISTENER_ALL_PORTS, drop, drop, 4}));
    EXPECT_EQ(expect("192.0.2.9:80").reason, contract::REASON_NOT_LOCAL) << "a wildcard speaks for this host alone";
    EXPECT_EQ(expect("203.0.113.7:79").reason, contract::REASON_LISTENER_ALL_PORTS) << "a listener names it: local";
    facts_.flow = Target{TargetKind::drop};
    EXPECT_EQ(expect("192.0.2.1:80"), (VerifyOutcome{contract::REASON_FLOW, drop, drop, 0}));
}

TEST_F(Model, no_reset_is_answered_and_no_piece_of_a_segment) {
    add("192.0.2.1:80", TargetKind::reject);
    EXPECT_EQ(expect("192.0.2.1:80").verdict, reject);
    packet_.tcp_flags = tcp_rst | tcp_ack;
    EXPECT_EQ(expect("192.0.2.1:80").verdict, drop);
    packet_.tcp_flags = tcp_syn;
    packet_.part = PacketPart::first_fragment;
    EXPECT_EQ(expect("192.0.2.1:80").verdict, drop);
    packet_.proto = Proto::udp;
    EXPECT_EQ(expect("192.0.2.1:80").verdict, drop) << "closed to udp";
    packet_.part = PacketPart::later_fragment;
    EXPECT_EQ(expect("192.0.2.1:80"), (VerifyOutcome{contract::REASON_FRAGMENT_ORPHAN, pass, pass, 0}));
}

TEST_F(Model, a_named_address_is_answered_for_where_it_is_ours_or_forwarded_to) {
    add("192.0.2.1:80", TargetKind::reject);
    add("203.0.113.0/24:80", TargetKind::reject);
    EXPECT_EQ(expect("192.0.2.1:80").verdict, reject);
    EXPECT_EQ(expect("203.0.113.7:80"), (VerifyOutcome{contract::REASON_LISTENER_PREFIX, drop, drop, 2}));
    facts_.kernel.route = RouteAnswer::forwards;
    EXPECT_EQ(expect("203.0.113.7:80").verdict, reject);
}

TEST_F(Model, closed_link_local_ports_are_left_to_the_kernel_where_devices_stand_above) {
    add("[fe80::1]:80", TargetKind::drop);
    EXPECT_EQ(expect("[fe80::1]:81").reason, contract::REASON_CLOSED);
    facts_.stacked = true;
    EXPECT_EQ(expect("[fe80::1]:81"), (VerifyOutcome{contract::REASON_NOT_LOCAL, pass, pass, 0}));
    EXPECT_EQ(expect("[fe80::1]:80"), (VerifyOutcome{contract::REASON_LISTENER_EXACT, drop, drop, 1}));
    EXPECT_EQ(expect("[fe80::1]:80", 0).reason, contract::REASON_PORT_ZERO);
    EXPECT_EQ(expect("192.0.2.1:81").reason, contract::REASON_CLOSED);
}

TEST_F(Model, what_the_kernel_forwards_is_not_ours_unless_it_is_named) {
    add("0.0.0.0:80", TargetKind::drop);
    add("203.0.113.0/24:80", TargetKind::drop);
    facts_.kernel.route = RouteAnswer::forwards;
    EXPECT_EQ(expect("192.0.2.1:80"), (VerifyOutcome{contract::REASON_NOT_LOCAL, pass, pass, 0}));
    EXPECT_EQ(expect("203.0.113.7:80"), (VerifyOutcome{contract::REASON_LISTENER_PREFIX, drop, drop, 2}));
    EXPECT_EQ(expect("203.0.113.7:81"), (VerifyOutcome{contract::REASON_NOT_LOCAL, pass, pass, 0}));
}

TEST(VerifyModel, rules_that_it_does_not_have_are_not_compared) {
    EXPECT_TRUE(is_compared(contract::REASON_CLOSED));
    EXPECT_TRUE(is_compared(contract::REASON_FRAGMENT_ORPHAN));
    for (const auto reason : {contract::REASON_SOURCE_DENIED, contract::REASON_RATE_LIMITED,
                              contract::REASON_SOURCE_BLOCKED, contract::REASON_FRAGMENT})
        EXPECT_FALSE(is_compared(reason));
}

}  // namespace
}  // namespace xdemux::test::ops_verify
