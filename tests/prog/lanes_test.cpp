// SPDX-License-Identifier: BSD-2-Clause
// The program decides common packets on a lean path and all others on a full one. Metadata in front of a frame, with a
// key that is not the program's, sends a packet along the full one: both must agree about every packet, malformed ones
// included. The packets are drawn at random, the same ones each time.
#include <algorithm>
#include <functional>
#include <random>

#include "support/expectation.h"

namespace xdemux::test::lanes_test {
namespace {

constexpr unsigned seed = 20260;
constexpr int packets_each = 1500;

class RandomPackets {
  public:
    Packet next() {
        Packet packet = outer();
        packet = one_in(2) ? network4(packet) : network6(packet);
        packet = transport(packet);
        return one_in(3) ? spoil(packet) : packet;
    }

  private:
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
    bool one_in(std::uint32_t n) { return below(n) == 0; }

    Packet outer() {
        Packet packet = eth(one_in(12) ? broadcast_mac : host_mac);
        for (std::uint32_t tags = one_in(4) ? below(4) : 0; tags > 0; tags--)
            packet = packet.vlan(7, one_in(2) ? 0x88a8 : 0x8100);
        return packet;
    }
    Packet network4(const Packet& on) {
        Packet packet = on.ipv4(one_in(10) ? "127.0.0.1" : peer_ipv4, one_in(5) ? beyond_ipv4 : host_ipv4);
        if (one_in(4)) packet = packet.options(1 + below(10));
        return one_in(8) ? packet.fragment(static_cast<std::uint16_t>(below(3)), 0, one_in(2)) : packet;
    }
    Packet network6(const Packet& on) {
        Packet packet = on.ipv6(one_in(10) ? "ff02::1" : peer_ipv6, one_in(5) ? beyond_ipv6 : host_ipv6);
        for (std::uint32_t headers = one_in(4) ? below(10) : 0; headers > 0; headers--)
            packet = extension(packet);
        return packet;
    }
    Packet extension(const Packet& on) {
        switch (below(5)) {
            case 0:
                return on.hop_by_hop();
            case 1:
                return on.routing(one_in(3) ? 1 : 0);
            case 2:
                return on.fragment6(below(3), one_in(4) ? 80 : 0, one_in(2));
            case 3:
                return on.authentication();
            default:
                return on.destination_options(static_cast<std::uint8_t>(below(3)));
        }
    }
    Packet transport(const Packet& on) {
        const auto port = static_cast<std::uint16_t>(one_in(12) ? 0 : 80 + below(8));
        switch (below(8)) {
            case 0:
                return on.icmp(static_cast<std::uint8_t>(below(14)), 0)
                    .quoting(eth().ipv4(host_ipv4, peer_ipv4).tcp(port, peer_port));
            case 1:
                return on.icmpv6(static_cast<std::uint8_t>(below(6)), 0)
                    .quoting(eth().ipv6(host_ipv6, peer_ipv6).tcp(port, peer_port));
            case 2:
            case 3:
                return on.udp(peer_port, port).payload(below(1500));
            case 4:
                return on.tcp(peer_port, port).syn().tcp_options(below(11));
            default:
                return on.tcp(peer_port, port).flags(static_cast<std::uint8_t>(below(256))).payload(below(1500));
        }
    }
    // A byte of the headers changed, or the frame cut or padded.
    Packet spoil(const Packet& packet) {
        Bytes frame = packet.bytes();
        switch (below(4)) {
            case 0:
                frame.resize(14 + below(static_cast<std::uint32_t>(frame.size()) - 13));
                break;
            case 1:
                frame.resize(frame.size() + below(3000));
                break;
            default:
                frame[12 + below(static_cast<std::uint32_t>(std::min<std::size_t>(frame.size(), 80)) - 12)] =
                    static_cast<std::uint8_t>(below(256));
        }
        return Packet().payload(frame);
    }

    std::mt19937 random_{seed};
};

class Lanes : public ProgTest {
  protected:
    void fill(Program& to) {
        const auto wildcard = [&](std::uint16_t port, target_kind target, family family) {
            for (const auto proto : {PROTO_TCP, PROTO_UDP})
                to.add_wildcard({.proto = proto, .port = port, .target = target, .id = port}, family);
        };
        wildcard(80, TARGET_PASS, FAMILY_DUAL);
        wildcard(81, TARGET_DROP, FAMILY_DUAL);
        wildcard(82, TARGET_REJECT, FAMILY_DUAL);
        wildcard(83, TARGET_DROP, FAMILY_IPV4);
        for (const auto proto : {PROTO_TCP, PROTO_UDP}) {
            to.add_exact({.proto = proto, .port = 84, .target = TARGET_DROP, .id = 84}, host_ipv4);
            to.add_prefix({.proto = proto, .port = 85, .target = TARGET_DROP, .id = 85}, beyond_ipv6, 128);
            to.add_flow(proto, host_ipv4, 86, peer_ipv4, peer_port, TARGET_PASS);
            to.add_flow(proto, host_ipv6, 86, peer_ipv6, peer_port, TARGET_REJECT);
            // The peer is admitted by its IPv4 address and not by its IPv6 address; on the other port by neither.
            to.add_wildcard({.proto = proto, .port = 87, .target = TARGET_PASS, .id = 87, .guarded = true},
                            FAMILY_DUAL);
            to.add_exact({.proto = proto, .port = 84, .target = TARGET_PASS, .id = 88, .guarded = true}, host_ipv6);
        }
        to.add_guard(87, {{"192.0.2.0", 24}});
        to.add_guard(88, {{"2001:db8:ffff::", 48}});
    }

    // Listeners of which no slot tells all, on addresses that are not among the first.
    void fill_more(Program& to) {
        to.add_local_route(beyond_ipv4, 32);
        to.add_local_route(beyond_ipv6, 128);
        const std::uint32_t here = Testbed::get().ifindex(), elsewhere = Testbed::get().other_ifindex();
        for (const auto proto : {PROTO_TCP, PROTO_UDP}) {
            const auto entry = [&](std::uint16_t port, target_kind target, std::uint32_t id,
                                   std::uint32_t ifindex = 0) {
                return Entry{.proto = proto, .port = port, .target = target, .id = id, .ifindex = ifindex};
            };
            to.add_wildcard(entry(80, TARGET_DROP, 100, elsewhere), FAMILY_DUAL);
            to.add_wildcard(entry(81, TARGET_PASS, 101, here), FAMILY_IPV4);
            to.add_exact(entry(82, TARGET_PASS, 102), beyond_ipv4);
            to.add_exact(entry(82, TARGET_REJECT, 103, here), beyond_ipv6);
            to.add_prefix(entry(83, TARGET_PASS, 104, here), "192.0.2.0", 24);
            to.add_prefix(entry(84, TARGET_PASS, 105), "2001:db8::", 32);
            to.add_prefix(entry(0, TARGET_DROP, 106), beyond_ipv6, 128);
            to.add_exact(entry(85, TARGET_STEER, 107), beyond_ipv4);
            to.add_prefix(entry(86, TARGET_STEER, 107, here), "2001:db8::", 32);
            to.add_wildcard(entry(87, TARGET_STEER, 107, here), FAMILY_IPV4);
            Entry guarded = entry(84, TARGET_PASS, 108);
            guarded.guarded = true;
            to.add_exact(guarded, beyond_ipv4);
        }
        to.add_guard(108, {{"192.0.2.0", 24}});
        target cpu{};
        cpu.kind = TARGET_CPU;
        cpu.fallback = TARGET_DROP;
        cpu.count = 1;
        to.set_target(TARGET_FIRST, cpu);
        to.set_listener_target(107, TARGET_FIRST);
        to.add_cpu(0);
    }

    /// Packets of each listener.
    std::vector<std::uint64_t> listened() {
        std::vector<std::uint64_t> packets;
        for (std::uint32_t id = 80; id <= 108; id++)
            packets.push_back(program().listener(id).packets);
        return packets;
    }
    static std::vector<std::uint64_t> less(std::vector<std::uint64_t> after, const std::vector<std::uint64_t>& before) {
        std::ranges::transform(after, before, after.begin(), std::minus());
        return after;
    }

    void expect_same(const Packet& packet) {
        const ReasonCounts before = program().reasons();
        const auto listened_before = listened();
        const RunResult lean = program().run(packet);
        const ReasonCounts between = program().reasons();
        const auto listened_between = listened();
        const TracedRun full = program().run_traced(packet, ~program().settings().trace_key);
        EXPECT_EQ(less(listened_between, listened_before), less(listened(), listened_between));
        EXPECT_EQ(lean.action, full.action);
        EXPECT_EQ(hex(lean.frame), hex(full.frame));
        EXPECT_EQ(moved(before, between), moved(between, program().reasons()));
    }

    void expect_same_under(const contract::settings& settings, const std::function<void(Program&)>& also = {}) {
        Program& program = load(settings);
        fill(program);
        if (also) also(program);
        RandomPackets packets;
        for (int i = 0; i < packets_each && !HasFailure(); i++) {
            const Packet packet = packets.next();
            SCOPED_TRACE(hex(packet.bytes()));
            expect_same(packet);
        }
        // Both were counted alike: each row is even.
        for (const auto& rows : {program.all_ports(), program.all_drops()})
            for (const auto& [key, row] : rows) {
                EXPECT_EQ(row.packets % 2, 0U) << key.first << " " << key.second;
                EXPECT_EQ(row.bytes % 2, 0U) << key.first << " " << key.second;
            }
        EXPECT_FALSE(program.all_ports().empty());
        EXPECT_GT((program.reasons()[{REASON_SOURCE_DENIED, VERDICT_DROP}].packets), 20U) << "guards refused too few";
        EXPECT_GT(program.reasons().size(), 15U) << "the packets came to too few ends";
    }

    // The totals are not expect()'s.
    void TearDown() override {}
};

TEST_F(Lanes, AgreeWhenClosedPortsAreDropped) {
    expect_same_under(enforce(VERDICT_DROP));
}

TEST_F(Lanes, AgreeWhenClosedPortsAreRejected) {
    expect_same_under(enforce(VERDICT_REJECT));
}

TEST_F(Lanes, AgreeWhenTheHostIsAsked) {
    expect_same_under(enforce(VERDICT_DROP, true));
}

TEST_F(Lanes, AgreeInMonitorMode) {
    expect_same_under(monitor(VERDICT_DROP));
}

TEST_F(Lanes, AgreeBesideListenersOnAllPorts) {
    expect_same_under(enforce(VERDICT_PASS), [](Program& program) {
        program.add_wildcard({.proto = PROTO_TCP, .port = 0, .target = TARGET_DROP, .id = 9}, FAMILY_IPV6);
    });
}

TEST_F(Lanes, AgreeWhereSlotsDoNotTellAll) {
    for (const auto& settings :
         {enforce(VERDICT_DROP), enforce(VERDICT_REJECT), enforce(VERDICT_PASS, true), monitor(VERDICT_DROP, true)}) {
        expect_same_under(settings, [&](Program& program) { fill_more(program); });
        EXPECT_GT(program().remembered_destinations(), 20U);
        const auto steered = program().target_count(TARGET_FIRST).packets;
        EXPECT_EQ(steered > 0, program().settings().rules.mode == MODE_ENFORCE);
    }
}

TEST_F(Lanes, AgreeWhereSlotsDoNotTellAllAndTheInterfaceForwards) {
    Testbed::get().set_forwarding(true);
    expect_same_under(enforce(VERDICT_DROP), [&](Program& program) { fill_more(program); });
    Testbed::get().set_forwarding(false);
}

TEST_F(Lanes, AgreeWhereTheInterfaceForwards) {
    Testbed::get().set_forwarding(true);
    expect_same_under(enforce(VERDICT_DROP));
    Testbed::get().set_forwarding(false);
}

}  // namespace
}  // namespace xdemux::test::lanes_test
