// SPDX-License-Identifier: BSD-2-Clause
// Events: what is told of a packet that was, or would have been, dropped or rejected; and what is told of none.
#include <algorithm>
#include <cstring>
#include <ctime>

#include "support/expectation.h"

namespace xdemux::test::event_test {
namespace {

constexpr std::uint64_t for_ever = UINT64_MAX;

std::uint64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

bool is_address(const __u8 (&bytes)[16], std::string_view address) {
    return std::memcmp(bytes, ip_address(address).bytes.data(), sizeof(bytes)) == 0;
}

Bytes frame_of(const event& event) {
    return {std::begin(event.frame), std::begin(event.frame) + event.captured_len};
}

class Event : public ProgTest {
  protected:
    void SetUp() override { load_watched(enforce(VERDICT_DROP)); }

    void load_watched(const contract::settings& settings) {
        load(settings);
        program().set_watch({.until_ns = for_ever, .event_ns = 0, .one_in = 0, .zero = 0});
    }
    // The packet comes to what is expected, and is told of once.
    event expect_told(const Packet& packet, const Expected& expected) {
        expect(packet, expected);
        const std::vector<event> told = program().take_events();
        EXPECT_EQ(told.size(), 1U);
        if (told.size() != 1) return {};
        EXPECT_EQ(told[0].reason, expected.reason);
        EXPECT_EQ(told[0].verdict, expected.verdict);
        EXPECT_EQ(told[0].action, expected.action == XDP_PASS ? VERDICT_PASS : expected.verdict);
        EXPECT_EQ(told[0].listener, expected.listener);
        EXPECT_EQ(hex(frame_of(told[0])), hex(first_bytes(packet)));
        return told[0];
    }
    static Bytes first_bytes(const Packet& packet) {
        Bytes bytes = packet.bytes();
        bytes.resize(std::min<std::size_t>(bytes.size(), EVENT_FRAME_SIZE));
        return bytes;
    }
    void expect_silence() { EXPECT_TRUE(program().take_events().empty()); }
};

TEST_F(Event, TellsEveryFactOfAPacket) {
    const std::uint64_t before = now_ns();
    const Packet packet = tcp4(80).syn();
    const event told = expect_told(packet, drops(REASON_CLOSED).at(PROTO_TCP, 80));
    EXPECT_GE(told.time_ns, before);
    EXPECT_LE(told.time_ns, now_ns());
    EXPECT_EQ(told.frame_len, packet.bytes().size());
    EXPECT_EQ(told.captured_len, packet.bytes().size());
    EXPECT_EQ(told.ifindex, Testbed::get().ifindex());
    EXPECT_TRUE(is_address(told.local_addr, host_ipv4));
    EXPECT_TRUE(is_address(told.remote_addr, peer_ipv4));
    EXPECT_EQ(told.local_port, 80);
    EXPECT_EQ(told.remote_port, peer_port);
    EXPECT_EQ(told.proto, PROTO_TCP);
    EXPECT_EQ(told.family, FAMILY_IPV4);
    EXPECT_TRUE(std::all_of(std::begin(told.zero), std::end(told.zero), [](__u8 byte) { return byte == 0; }));
}

TEST_F(Event, OfIpv6AndOfAListenerHasTheirs) {
    program().add_exact({.proto = PROTO_UDP, .port = 53, .target = TARGET_DROP, .id = 7}, host_ipv6);
    const event told = expect_told(eth().vlan(7).ipv6(peer_ipv6, host_ipv6).udp(peer_port, 53).payload(10),
                                   drops(REASON_LISTENER_EXACT).at(PROTO_UDP, 53).by(7));
    EXPECT_TRUE(is_address(told.local_addr, host_ipv6));
    EXPECT_TRUE(is_address(told.remote_addr, peer_ipv6));
    EXPECT_EQ(told.proto, PROTO_UDP);
    EXPECT_EQ(told.family, FAMILY_IPV6);
}

TEST_F(Event, HoldsTheBeginningOfALongFrame) {
    for (const std::size_t payload : {std::size_t{EVENT_FRAME_SIZE} - 42, std::size_t{EVENT_FRAME_SIZE} - 41,
                                      std::size_t{1400}, std::size_t{8000}}) {
        const Packet packet = udp4(53).payload(payload);
        const event told = expect_told(packet, drops(REASON_CLOSED).at(PROTO_UDP, 53));
        EXPECT_EQ(told.frame_len, packet.bytes().size());
        EXPECT_EQ(told.captured_len, EVENT_FRAME_SIZE);
    }
}

TEST_F(Event, OfARejectHasTheFrameBeforeTheAnswerTookItsPlace) {
    load_watched(enforce(VERDICT_REJECT));
    expect_told(tcp4(80).syn(), rejects(REASON_CLOSED).at(PROTO_TCP, 80));
    expect_told(udp6(53).payload(400), rejects(REASON_CLOSED).at(PROTO_UDP, 53));
}

TEST_F(Event, OfARejectThatMayNotBeAnsweredTellsOfADrop) {
    load_watched(enforce(VERDICT_REJECT));
    expect_told(tcp4(80).rst(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
}

TEST_F(Event, InMonitorModeTellsWhatWouldHaveBeenDone) {
    load_watched(monitor(VERDICT_REJECT));
    expect_told(tcp4(80).syn(), rejects(REASON_CLOSED).at(PROTO_TCP, 80).in_monitor_mode());
    load_watched(monitor(VERDICT_DROP));
    expect_told(tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80).in_monitor_mode());
}

TEST_F(Event, IsToldOfEveryKindOfRefusal) {
    program().add_wildcard({.proto = PROTO_TCP, .port = 81, .target = TARGET_DROP, .id = 3}, FAMILY_DUAL);
    program().add_flow(PROTO_TCP, host_ipv4, 82, peer_ipv4, peer_port, TARGET_DROP);
    expect_told(tcp4(81).syn(), drops(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 81).by(3));
    expect_told(tcp4(82).ack(1), drops(REASON_FLOW).at(PROTO_TCP, 82));
    expect_told(tcp4(0).syn(), drops(REASON_PORT_ZERO).at(PROTO_TCP, 0));
    const event quoted = expect_told(ip4().icmp(3, 1).quoting(eth().ipv4(host_ipv4, peer_ipv4).tcp(82, peer_port)),
                                     drops(REASON_ICMP_ERROR));
    EXPECT_EQ(quoted.local_port, 82);
    EXPECT_EQ(quoted.remote_port, peer_port);
    expect_told(ip4().set8(0, 0x44), drops(REASON_BAD_IPV4));
    const event bad = expect_told(tcp4(80).set8(12, 0), drops(REASON_BAD_TCP));
    EXPECT_EQ(bad.local_port, 0);
    expect_told(ip4().fragment(5, 0, true).udp(peer_port, 53).set16(4, 2000).payload(800),
                drops(REASON_CLOSED).at(PROTO_UDP, 53));
    const event fragment = expect_told(ip4().fragment(5, 808, false).protocol(17).payload(8), drops(REASON_FRAGMENT));
    EXPECT_TRUE(is_address(fragment.remote_addr, peer_ipv4));
    program().add_block(peer_ipv6, for_ever);
    program().set_blocking(for_ever);
    expect_told(tcp6(80).syn(), drops(REASON_SOURCE_BLOCKED).at(PROTO_TCP, 80));
}

TEST_F(Event, IsNotToldOfWhatPasses) {
    program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = TARGET_PASS, .id = 3}, FAMILY_DUAL);
    expect(tcp4(80).syn(), passes(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 80).by(3));
    expect(tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL));
    expect(eth().ethertype(0x88cc).payload(46), passes(REASON_NOT_IP));
    load_watched(enforce(VERDICT_PASS));
    expect(tcp4(80).syn(), passes(REASON_CLOSED).at(PROTO_TCP, 80));
    expect_silence();
}

TEST_F(Event, IsNotToldWhileNobodyWatches) {
    program().set_watch({});
    expect(tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    expect(ip4().options(1).tcp(peer_port, 80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    expect_silence();
}

TEST_F(Event, EndsWithItsReader) {
    program().set_watch({.until_ns = 1, .event_ns = 5, .one_in = 1, .zero = 0});
    expect(tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    expect_silence();
    EXPECT_EQ(program().watch().until_ns, 0U) << "the program did not go back to its fast lane";
}

TEST_F(Event, IsSampled) {
    program().set_watch({.until_ns = for_ever, .event_ns = 0, .one_in = 2, .zero = 0});
    constexpr int packets = 1000;
    for (int i = 0; i < packets; i++)
        program().run(tcp4(80).syn());
    const std::size_t told = program().take_events().size();
    EXPECT_GT(told, packets / 2 - 150U);  // nine standard deviations
    EXPECT_LT(told, packets / 2 + 150U);
    EXPECT_EQ(program().watch_limit().lost, 0U) << "what sampling leaves out is not lost";
    load(program().settings());  // they are not expect()'s
}

TEST_F(Event, IsHeldToItsRate) {
    // Ten seconds each: the first is paid for nine seconds after the second has come.
    program().set_watch({.until_ns = for_ever, .event_ns = 10'000'000'000, .one_in = 1, .zero = 0});
    for (int i = 0; i < 5; i++)
        expect(tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    EXPECT_EQ(program().take_events().size(), 1U);
    EXPECT_EQ(program().watch_limit().lost, 4U);
}

TEST_F(Event, ThatFindsNoRoomIsCountedAsLost) {
    constexpr std::uint64_t packets = 5000;  // of 264 bytes each in a ring of a MiB
    for (std::uint64_t i = 0; i < packets; i++)
        program().run(tcp4(80).syn());
    const std::size_t told = program().take_events().size();
    EXPECT_GT(told, 3900U);
    EXPECT_LT(told, packets);
    EXPECT_EQ(told + program().watch_limit().lost, packets);
    load(program().settings());  // they are not expect()'s
}

TEST_F(Event, IsNotToldOfATracedRun) {
    program().set_watch({.until_ns = for_ever, .event_ns = 10'000'000'000, .one_in = 0, .zero = 0});
    EXPECT_EQ(program().run_traced(tcp4(80).syn(), program().settings().trace_key).trace.verdict, VERDICT_DROP);
    expect_silence();
    EXPECT_EQ(program().watch_limit().paid_until_ns, 0U);
}

}  // namespace
}  // namespace xdemux::test::event_test
