// SPDX-License-Identifier: BSD-2-Clause
// Targets beyond pass, drop and reject: who gets the packet, and what stands in where nobody can.
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include <xdemux/kernel/xsk_socket.h>

#include "support/expectation.h"

namespace xdemux::test::steer_test {
namespace {

constexpr std::uint16_t port = 53;
constexpr std::uint32_t id = 7;
constexpr std::uint32_t number = TARGET_FIRST;
constexpr std::uint32_t other_number = TARGET_FIRST + 1;
constexpr std::uint32_t group_number = TARGET_FIRST + 2;
constexpr std::uint32_t missing_cpu = 4000;
constexpr std::uint64_t key = 0x1122334455667788;

target to_cpu(std::uint32_t cpu, target_kind fallback = TARGET_PASS, std::uint32_t count = 1) {
    target made{};
    made.kind = TARGET_CPU;
    made.fallback = fallback;
    made.first = cpu;
    made.count = count;
    return made;
}

target to_dev(std::uint32_t ifindex, bool rewrite = false) {
    target made{};
    made.kind = TARGET_DEV;
    made.fallback = TARGET_PASS;
    made.first = ifindex;
    made.rewrite = rewrite ? 1 : 0;
    for (std::size_t i = 0; i < sizeof(made.dst_mac); i++) {
        made.dst_mac[i] = static_cast<__u8>(0xd0 + i);
        made.src_mac[i] = static_cast<__u8>(0x50 + i);
    }
    return made;
}

target to_xsk() {
    target made{};
    made.kind = TARGET_XSK;
    made.fallback = TARGET_DROP;
    return made;
}

target to_group(target_kind fallback = TARGET_PASS) {
    target made{};
    made.kind = TARGET_GROUP;
    made.fallback = fallback;
    return made;
}

// The kernel gives a queue free somewhat after the socket that had it was closed.
XskSocket open_xsk() {
    std::optional<XskSocket> socket;
    const auto opens = [&] {
        auto opened = XskSocket::open({Testbed::get().ifindex(), 0});
        if (opened) socket.emplace(std::move(*opened));
        return socket.has_value();
    };
    if (!wait_until(opens)) throw std::runtime_error("cannot open an AF_XDP socket");
    return std::move(*socket);
}

std::uint16_t checksum_of(const Packet& udp) {
    const Bytes frame = udp.bytes();
    const std::size_t at = udp.offset_of(LayerKind::udp) + 6;
    return static_cast<std::uint16_t>(frame.at(at) << 8 | frame.at(at + 1));
}

// Two bytes with which its checksum is that.
Bytes payload_for(const Packet& udp, std::uint16_t checksum) {
    for (unsigned word = 0; word <= UINT16_MAX; word++) {
        const Bytes payload{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
        if (checksum_of(udp.payload(payload)) == checksum) return payload;
    }
    throw std::logic_error("no payload has that checksum");
}

// What stands where the target cannot act.
Expected falls_back(Expected expected) {
    expected.reason = REASON_TARGET_FALLBACK;
    return expected;
}

class Steer : public ProgTest {
  protected:
    void SetUp() override { set(enforce(VERDICT_DROP)); }

    void set(contract::settings settings) {
        settings.trace_key = key;
        load(settings);
        program().add_wildcard({.proto = PROTO_UDP, .port = port, .target = TARGET_STEER, .id = id}, FAMILY_DUAL);
        program().set_listener_target(id, number);
        program().add_cpu(0);
    }
    void expect_counts(std::uint32_t of, std::uint64_t packets, std::uint64_t fallbacks) {
        EXPECT_EQ(program().target_count(of).packets, packets);
        EXPECT_EQ(program().target_count(of).fallback_packets, fallbacks);
    }
    static Expected at_port(const Expected& expected) { return expected.at(PROTO_UDP, port).by(id); }
};

TEST_F(Steer, ACpuTakesBothFamiliesAndCountsThem) {
    program().set_target(number, to_cpu(0));
    expect(udp4(port), at_port(steers(REASON_LISTENER_WILDCARD)));
    expect(udp6(port), at_port(steers(REASON_LISTENER_WILDCARD)));
    const auto count = program().target_count(number);
    EXPECT_EQ(count.packets, 2U);
    EXPECT_EQ(count.bytes, udp4(port).bytes().size() + udp6(port).bytes().size());
    EXPECT_EQ(count.fallback_packets, 0U);
}

TEST_F(Steer, MonitorModeHandsNothingOver) {
    set(monitor(VERDICT_DROP));
    program().set_target(number, to_cpu(0));
    expect(udp4(port), at_port(steers(REASON_LISTENER_WILDCARD).in_monitor_mode()));
    expect_counts(number, 0, 0);
}

TEST_F(Steer, EveryFallbackStandsInWhereTheTargetCannotAct) {
    program().set_target(number, to_cpu(missing_cpu, TARGET_PASS));
    expect(udp4(port), at_port(falls_back(passes(REASON_UNDECIDED))));
    program().set_target(number, to_cpu(missing_cpu, TARGET_DROP));
    expect(udp4(port), at_port(falls_back(drops(REASON_UNDECIDED))));
    program().set_target(number, to_cpu(missing_cpu, TARGET_REJECT));
    expect(udp4(port), at_port(falls_back(rejects(REASON_UNDECIDED))));
    expect_counts(number, 0, 3);
}

TEST_F(Steer, AFallbackAnswersNobodyWhoMayNotBeAnswered) {
    program().set_target(number, to_cpu(missing_cpu, TARGET_REJECT));
    program().add_wildcard({.proto = PROTO_TCP, .port = port, .target = TARGET_STEER, .id = id}, FAMILY_DUAL);
    expect(tcp4(port).rst(), falls_back(drops(REASON_UNDECIDED)).at(PROTO_TCP, port).by(id));
}

TEST_F(Steer, ATargetThatIsNoMorePasses) {
    expect(udp4(port), at_port(falls_back(passes(REASON_UNDECIDED))));
}

TEST_F(Steer, AForeignDestinationIsLeftAlone) {
    program().set_target(number, to_cpu(0));
    expect(udp4(port, "198.51.100.1"), passes(REASON_NOT_LOCAL));
}

TEST_F(Steer, AFlowGoesToItsTargetBeforeTheListener) {
    program().set_target(number, to_cpu(missing_cpu, TARGET_DROP));
    program().set_target(other_number, to_cpu(0));
    program().add_flow(PROTO_UDP, host_ipv4, port, peer_ipv4, peer_port, other_number);
    expect(udp4(port), steers(REASON_FLOW).at(PROTO_UDP, port));
    expect(udp6(port), at_port(falls_back(drops(REASON_UNDECIDED))));
    expect_counts(other_number, 1, 0);
}

TEST_F(Steer, LaterFragmentsFollowTheFirst) {
    program().set_target(number, to_cpu(0));
    expect(ip4().fragment(1, 0, true).udp(peer_port, port).set16(4, 2000).payload(800),
           at_port(steers(REASON_LISTENER_WILDCARD)));
    expect(ip4().fragment(1, 808, false).protocol(17).payload(8), steers(REASON_FRAGMENT));
    expect_counts(number, 2, 0);
}

TEST_F(Steer, ADeviceTakesTheFrameAsItIsOrReaddressed) {
    const std::uint32_t here = Testbed::get().ifindex();
    program().add_dev(here);
    program().set_target(number, to_dev(here));
    expect(udp4(port), at_port(steers(REASON_LISTENER_WILDCARD)));

    program().set_target(number, to_dev(here, true));
    const Bytes frame = program().run(udp4(port)).frame;
    EXPECT_EQ(hex(Bytes(frame.begin(), frame.begin() + 12)), hex({0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5,  //
                                                                  0x50, 0x51, 0x52, 0x53, 0x54, 0x55}));
    expect_counts(number, 2, 0);
    load(program().settings());
}

TEST_F(Steer, ADeviceThatIsGoneLeavesTheFrameAsItIs) {
    program().set_target(number, to_dev(Testbed::get().ifindex(), true));
    expect(udp4(port), at_port(falls_back(passes(REASON_UNDECIDED))));
}

TEST_F(Steer, AnXskNeedsASocketForTheQueue) {
    program().set_target(number, to_xsk());
    expect(udp4(port), at_port(falls_back(drops(REASON_UNDECIDED))));
    const XskSocket socket = open_xsk();
    program().add_xsk(number, 1, socket.fd());
    expect(udp4(port), at_port(falls_back(drops(REASON_UNDECIDED))));
    program().add_xsk(other_number, 0, socket.fd());
    expect(udp4(port), at_port(falls_back(drops(REASON_UNDECIDED))));
    program().add_xsk(number, 0, socket.fd());
    expect(udp4(port), at_port(steers(REASON_LISTENER_WILDCARD)));
    expect(udp6(port), at_port(steers(REASON_LISTENER_WILDCARD)));
    expect_counts(number, 2, 3);
}

TEST_F(Steer, AnXskIsLeftByItsSocketAsSoonAsThatIsClosed) {
    program().set_target(number, to_xsk());
    auto socket = std::make_optional(open_xsk());
    program().add_xsk(number, 0, socket->fd());
    expect(udp4(port), at_port(steers(REASON_LISTENER_WILDCARD)));
    socket.reset();
    expect(udp4(port), at_port(falls_back(drops(REASON_UNDECIDED))));
}

TEST_F(Steer, AnXskTakesNoFrameOfSeveralBuffers) {
    program().set_target(number, to_xsk());
    const XskSocket socket = open_xsk();
    program().add_xsk(number, 0, socket.fd());
    expect(udp4(port).payload(8000), at_port(falls_back(drops(REASON_UNDECIDED))));
    expect(udp4(port).payload(1000), at_port(steers(REASON_LISTENER_WILDCARD)));
}

TEST_F(Steer, AChecksumLeftToTheDeviceIsMadeWholeBeforeItIsHandedOver) {
    program().set_target(number, to_cpu(0));
    program().add_wildcard({.proto = PROTO_TCP, .port = port, .target = TARGET_STEER, .id = id}, FAMILY_DUAL);
    const auto steered = steers(REASON_LISTENER_WILDCARD).by(id);
    for (const std::size_t size : {0, 1, 2, 3, 255, 256, 257, 1459, 3000}) {
        SCOPED_TRACE(size);
        for (const auto& udp : {udp4(port), udp6(port), eth().vlan(7).ipv4(peer_ipv4, host_ipv4).udp(peer_port, port),
                                ip6().destination_options(2).udp(peer_port, port)})
            expect_frame(udp.partial_checksum().payload(size), steered.at(PROTO_UDP, port), udp.payload(size));
        for (const auto& tcp : {tcp4(port), tcp6(port), ip4().options(3).tcp(peer_port, port)})
            expect_frame(tcp.ack(1).partial_checksum().payload(size), steered.at(PROTO_TCP, port),
                         tcp.ack(1).payload(size));
    }
    // Not with what comes behind the packet.
    for (const std::size_t size : {2, 3, 300}) {
        SCOPED_TRACE(size);
        const auto trailed = [&](const Packet& packet) {
            Bytes frame = packet.payload(size).bytes();
            frame.insert(frame.end(), 700, 0xa5);
            return Packet().payload(frame);
        };
        expect_frame(trailed(udp4(port).partial_checksum()), at_port(steers(REASON_LISTENER_WILDCARD)),
                     trailed(udp4(port)));
    }
}

TEST_F(Steer, EveryOtherChecksumStaysAsItIs) {
    program().set_target(number, to_cpu(0));
    const auto steered = at_port(steers(REASON_LISTENER_WILDCARD));
    expect(udp4(port).set16(6, 0).payload(10), steered);
    expect(udp4(port).set16(6, 0x1234).payload(10), steered);
    expect(ip4().fragment(1, 0, true).udp(peer_port, port).partial_checksum().set16(4, 2000).payload(800), steered);
    // Whole, though it looks like one that was left to the device.
    const Bytes alike = payload_for(udp4(port), checksum_of(udp4(port).partial_checksum().payload(2)));
    expect(udp4(port).payload(alike), steered);
}

// Which in UDP would mean that there is none.
TEST_F(Steer, AChecksumOfZeroIsWrittenAsItsOtherSelf) {
    program().set_target(number, to_cpu(0));
    const Bytes payload = payload_for(udp4(port), 0xffff);
    expect_frame(udp4(port).partial_checksum().payload(payload), at_port(steers(REASON_LISTENER_WILDCARD)),
                 udp4(port).payload(payload));
}

TEST_F(Steer, AChecksumThatCannotBeMadeWholeFallsBack) {
    program().set_target(number, to_cpu(0));
    expect(udp4(port).payload(8000), at_port(steers(REASON_LISTENER_WILDCARD)));
    expect(udp4(port).partial_checksum().payload(8000), at_port(falls_back(passes(REASON_UNDECIDED))));
    expect_counts(number, 1, 1);
}

TEST_F(Steer, AChecksumLeftToTheDeviceStaysWhereThePacketDoes) {
    const Packet packet = udp4(port).partial_checksum().payload(100);
    program().set_target(number, to_cpu(missing_cpu));
    expect(packet, at_port(falls_back(passes(REASON_UNDECIDED))));
    program().set_target(number, to_cpu(0));
    EXPECT_EQ(hex(program().run_traced(packet, key).frame), hex(packet.bytes()));
    set(monitor(VERDICT_DROP));
    program().set_target(number, to_cpu(0));
    expect(packet, at_port(steers(REASON_LISTENER_WILDCARD).in_monitor_mode()));
}

TEST_F(Steer, AGroupSpreadsFlowsAsItsTableSaysAndKeepsEachTogether) {
    program().set_target(number, to_group());
    program().set_target(other_number, to_cpu(0));
    program().set_group(number, [](std::uint32_t place) {
        return place % 4 == 0 ? other_number : std::uint32_t{place % 4 == 1 ? TARGET_DROP : TARGET_PASS};
    });
    constexpr int flows = 2000;
    std::map<int, int> actions;
    for (int flow = 0; flow < flows; flow++) {
        const Packet packet = ip4().udp(static_cast<std::uint16_t>(1024 + flow), port);
        const int action = program().run(packet).action;
        EXPECT_EQ(program().run(packet).action, action) << "a flow's packets go one way";
        actions[action]++;
    }
    EXPECT_NEAR(actions[XDP_REDIRECT], flows / 4, flows / 20);
    EXPECT_NEAR(actions[XDP_DROP], flows / 4, flows / 20);
    EXPECT_NEAR(actions[XDP_PASS], flows / 2, flows / 20);
    EXPECT_EQ(program().target_count(other_number).packets, 2U * static_cast<unsigned>(actions[XDP_REDIRECT]));
    load(program().settings());  // what ran without expect() is no business of TearDown()
}

TEST_F(Steer, AnEmptyGroupFallsBack) {
    program().set_target(number, to_group(TARGET_DROP));
    expect(udp4(port), at_port(falls_back(drops(REASON_UNDECIDED))));
    program().set_group(number, [](std::uint32_t) { return 0; });
    expect(udp4(port), at_port(falls_back(drops(REASON_UNDECIDED))));
    expect_counts(number, 0, 2);
}

TEST_F(Steer, AMembersOwnFallbackStandsIn) {
    program().set_target(group_number, to_group(TARGET_PASS));
    program().set_listener_target(id, group_number);
    program().set_target(number, to_cpu(missing_cpu, TARGET_DROP));
    program().set_group(group_number, [](std::uint32_t) { return number; });
    expect(udp4(port), at_port(falls_back(drops(REASON_UNDECIDED))));
    expect_counts(number, 0, 1);
    expect_counts(group_number, 0, 0);
}

TEST_F(Steer, ATraceNamesTheTargetAndTouchesNothing) {
    program().add_dev(Testbed::get().ifindex());
    program().set_target(number, to_dev(Testbed::get().ifindex(), true));
    const TracedRun run = program().run_traced(udp4(port), key);
    EXPECT_EQ(run.action, XDP_REDIRECT);
    EXPECT_EQ(hex(run.frame), hex(udp4(port).bytes()));
    EXPECT_EQ(run.trace.verdict, VERDICT_STEER);
    EXPECT_EQ(run.trace.action, VERDICT_STEER);
    EXPECT_EQ(run.trace.target, TARGET_STEER);
    EXPECT_EQ(run.trace.key, number);
    EXPECT_TRUE(run.trace.asked & STAGE_TARGET);
    EXPECT_TRUE(run.trace.answered & STAGE_TARGET);
    expect_counts(number, 0, 0);
}

}  // namespace
}  // namespace xdemux::test::steer_test
