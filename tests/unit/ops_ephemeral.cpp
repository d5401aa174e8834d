// SPDX-License-Identifier: BSD-2-Clause
// What sockets mean for the range, and the record of a change that waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <xdemux/ops/ephemeral_use.h>

#include "ephemeral_pending.h"
#include "render/ephemeral.h"

namespace xdemux::test::ops_ephemeral {
namespace {

using ::testing::ElementsAre;

constexpr PortRange range{40000, 40009};

HostSocket socket(HostSocketState state, std::uint16_t local, std::uint8_t remote, std::uint16_t remote_port = 443) {
    HostSocket socket;
    socket.proto = Proto::tcp;
    socket.state = state;
    socket.local = Address::ipv4({192, 0, 2, 1});
    socket.local_port = local;
    socket.remote = Address::ipv4({198, 51, 100, remote});
    socket.remote_port = remote_port;
    return socket;
}

HostSocket listening(std::uint16_t port) {
    HostSocket listener = socket(HostSocketState::listen, port, 0, 0);
    listener.inode = port;
    return listener;
}

TEST(EphemeralUse, CountsPortsByDestinationWithTimeWaitApart) {
    const std::vector<HostSocket> sockets = {
        socket(HostSocketState::established, 40000, 7),
        socket(HostSocketState::time_wait, 40001, 7),
        socket(HostSocketState::syn_sent, 40002, 7),
        socket(HostSocketState::established, 40000, 8),
        socket(HostSocketState::time_wait, 40000, 9),
        socket(HostSocketState::established, 39999, 7),
        socket(HostSocketState::established, 40010, 7),
        socket(HostSocketState::established, 40000, 7, 80),
        listening(40005),
        socket(HostSocketState::established, 40005, 7),
    };
    const EphemeralUse use = use_of(sockets, range);
    ASSERT_EQ(use.destinations.size(), 4U);
    EXPECT_EQ(use.destinations[0].remote.to_string(), "198.51.100.7:443");
    EXPECT_EQ(use.destinations[0].in_use, 2U);
    EXPECT_EQ(use.destinations[0].time_wait, 1U);
    EXPECT_EQ(use.ports_in_use, 2U);
    EXPECT_EQ(use.ports_time_wait, 1U);
    EXPECT_EQ(use.taken.to_string(), "40000-40002");
}

TEST(EphemeralUse, FindsListenersInsideTheRangeAndWhetherTheyAreReserved) {
    ListenerSet listeners;
    Listener listener;
    listener.local = LocalEndpoint::parse("*:40003", Proto::udp).value();
    listener.proto = Proto::udp;
    ASSERT_TRUE(listeners.add(listener));
    listener.local = LocalEndpoint::parse("*:39000-41000", Proto::udp).value();
    listener.target = {TargetKind::drop};
    const std::vector<HostSocket> sockets = {listening(40001), listening(39999), listening(40002)};
    const EphemeralSettings settings{range, PortSet::parse("40002").value()};
    const auto inside = listeners_inside(sockets, listeners, settings,
                                         [](std::uint64_t inode) { return "nginx " + std::to_string(inode); });
    EXPECT_THAT(inside, ElementsAre(RangeListener{Proto::tcp, 40001, "nginx 40001", false},
                                    RangeListener{Proto::tcp, 40002, "nginx 40002", true},
                                    RangeListener{Proto::udp, 40003, "listener udp [::]:40003", false}));
    EXPECT_EQ(describe(inside, 2), "tcp 40001 (nginx 40001), tcp 40002 (nginx 40002), and 1 more");
    const EphemeralImpact impact = impact_of(sockets, inside, settings, settings);
    EXPECT_EQ(impact.listeners.size(), 2U);
}

TEST(EphemeralUse, TellsWhatAChangeLeavesOutside) {
    const std::vector<HostSocket> sockets = {socket(HostSocketState::established, 40000, 7),
                                             socket(HostSocketState::established, 40009, 7),
                                             socket(HostSocketState::established, 50000, 7)};
    const EphemeralImpact impact =
        impact_of(sockets, {}, {range, {}}, {{40005, 40100}, PortSet::parse("40100").value()});
    EXPECT_EQ(impact.left_outside, 1U);
    EXPECT_EQ(impact.before.usable, 10U);
    EXPECT_EQ(impact.after.usable, 95U);
}

TEST(RangePicture, HasALetterForEachThousandPorts) {
    EphemeralStatus status;
    status.settings = {{32768, 60999}, PortSet::parse("33792-34815").value()};
    status.use.taken = PortSet::parse("34816-34916,36864-37887").value();
    status.listeners = {{Proto::tcp, 35840, "nginx", false}, {Proto::tcp, 38000, "nginx", true}};
    const std::string picture = range_picture(status);
    EXPECT_EQ(picture.size(), 64U);
    EXPECT_EQ(picture, std::string(32, '.') + "-R1L9" + std::string(23, '-') + "....");
}

TEST(Pending, IsReadAsItWasWritten) {
    const PendingRecord record{123, {{32768, 60999}, {}}, {range, PortSet::parse("80,90-99").value()}};
    EXPECT_EQ(parse_pending(to_text(record)), record);
    for (const char* text : {"", "xdemux ephemeral 2\n", "xdemux ephemeral 1\ndeadline x\n",
                             "xdemux ephemeral 1\ndeadline 1\nfallback 1 2 -\n"})
        EXPECT_EQ(parse_pending(text), std::nullopt) << text;
}

TEST(Pending, TakesBackItsOwnChangesAlone) {
    const auto ports = [](const char* text) { return PortSet::parse(text).value(); };
    const PendingRecord record{1, {{32768, 60999}, ports("80,81")}, {range, ports("81,82")}};
    EXPECT_EQ(taken_back(record.written, record), record.fallback);
    // Another has reserved 83 and set another range since.
    EXPECT_EQ(taken_back({{1024, 2048}, ports("81,82,83")}, record),
              (EphemeralSettings{{1024, 2048}, ports("80,81,83")}));
}

}  // namespace
}  // namespace xdemux::test::ops_ephemeral
