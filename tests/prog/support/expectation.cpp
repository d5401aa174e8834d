// SPDX-License-Identifier: BSD-2-Clause
#include "support/expectation.h"

#include <array>
#include <sstream>
#include <string_view>

namespace xdemux::test {
namespace {

constexpr std::array<std::string_view, REASON_COUNT> reason_names{
    "undecided",       "flow",           "listener_exact", "listener_prefix", "listener_wildcard", "listener_all_ports",
    "host_socket",     "closed",         "port_zero",      "source_denied",   "rate_limited",      "source_blocked",
    "target_fallback", "icmp_error",     "icmp_other",     "fragment",        "fragment_orphan",   "not_local",
    "multicast",       "other_protocol", "not_ip",         "bad_ethernet",    "bad_vlan",          "bad_ipv4",
    "bad_ipv6",        "bad_extension",  "bad_tcp",        "bad_udp",         "bad_icmp"};
constexpr std::array<std::string_view, VERDICT_COUNT> verdict_names{"pass", "drop", "reject", "steer"};
constexpr std::array<std::string_view, 5> action_names{"aborted", "drop", "pass", "tx", "redirect"};

std::string text_of(const ReasonKey& key, const reason_counter& counter) {
    std::ostringstream text;
    text << reason_names.at(key.first) << "/" << verdict_names.at(key.second) << " packets=" << counter.packets
         << " bytes=" << counter.bytes << " monitored=" << counter.monitored_packets << "\n";
    return text.str();
}

void expect_moved(const char* what, const traffic& before, const traffic& after, std::uint64_t packets,
                  std::uint64_t bytes) {
    EXPECT_EQ(after.packets - before.packets, packets) << what << " packets";
    EXPECT_EQ(after.bytes - before.bytes, bytes) << what << " bytes";
}

bool refuses(const Expected& expected) {
    return expected.action == XDP_DROP || expected.action == XDP_TX;
}

}  // namespace

std::string moved(const ReasonCounts& before, const ReasonCounts& after) {
    std::string text;
    for (const auto& [key, counter] : after) {
        reason_counter delta = counter;
        if (const auto old = before.find(key); old != before.end()) {
            delta.packets -= old->second.packets;
            delta.bytes -= old->second.bytes;
            delta.monitored_packets -= old->second.monitored_packets;
        }
        if (delta.packets != 0 || delta.bytes != 0 || delta.monitored_packets != 0) text += text_of(key, delta);
    }
    return text;
}

Expected Expected::at(proto proto, std::uint16_t number) const {
    Expected expected = *this;
    expected.port = PortKey{proto, number};
    return expected;
}

Expected Expected::by(std::uint32_t listener_id) const {
    Expected expected = *this;
    expected.listener = listener_id;
    return expected;
}

Expected Expected::in_monitor_mode() const {
    Expected expected = *this;
    expected.action = XDP_PASS;
    expected.monitored = verdict != VERDICT_PASS ? 1 : 0;
    return expected;
}

Expected passes(reason reason) {
    return {reason, VERDICT_PASS, XDP_PASS, 0, std::nullopt, 0};
}

Expected drops(reason reason) {
    return {reason, VERDICT_DROP, XDP_DROP, 0, std::nullopt, 0};
}

Expected rejects(reason reason) {
    return {reason, VERDICT_REJECT, XDP_TX, 0, std::nullopt, 0};
}

Expected steers(reason reason) {
    return {reason, VERDICT_STEER, XDP_REDIRECT, 0, std::nullopt, 0};
}

Program& ProgTest::load(const contract::settings& settings) {
    program_ = &Program::shared(settings);
    program_->add_local(host_ipv4);
    program_->add_local(host_ipv6);
    counted_ = dropped_ = 0;
    return *program_;
}

RunResult ProgTest::expect_counted(const Packet& packet, const Expected& expected, std::uint32_t ifindex) {
    const std::uint64_t size = packet.bytes().size(), counted = expected.port ? 1 : 0;
    const std::uint64_t dropped = counted != 0 && refuses(expected) ? 1 : 0, heard = expected.listener != 0 ? 1 : 0;
    const PortKey key = expected.port.value_or(PortKey{PROTO_TCP, 0});
    const ReasonCounts reasons = program_->reasons();
    const traffic port = program_->port(key), drop = program_->drops(key);
    const traffic listener = program_->listener(expected.listener);

    RunResult run = program_->run(packet, ifindex);

    EXPECT_EQ(run.action >= 0 && run.action < 5 ? action_names.at(static_cast<std::size_t>(run.action)) : "unknown",
              action_names.at(static_cast<std::size_t>(expected.action)));
    EXPECT_EQ(moved(reasons, program_->reasons()),
              text_of({expected.reason, expected.verdict}, {1, size, expected.monitored}));
    expect_moved("port_counters", port, program_->port(key), counted, counted * size);
    expect_moved("port_drops", drop, program_->drops(key), dropped, dropped * size);
    expect_moved("listener_counts", listener, program_->listener(expected.listener), heard, heard * size);
    counted_ += counted;
    dropped_ += dropped;
    return run;
}

RunResult ProgTest::expect(const Packet& packet, const Expected& expected, std::uint32_t ifindex) {
    RunResult run = expect_counted(packet, expected, ifindex);
    if (expected.action != XDP_TX) {
        EXPECT_EQ(hex(run.frame), hex(packet.bytes())) << "the frame was changed";
    }
    return run;
}

void ProgTest::expect_all(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
        SCOPED_TRACE(c.description);
        expect(c.packet, c.expected, c.ifindex);
    }
}

void ProgTest::expect_frame(const Packet& packet, const Expected& expected, const Packet& leaving) {
    EXPECT_EQ(hex(expect_counted(packet, expected, 0).frame), hex(leaving.bytes()));
}

void ProgTest::TearDown() {
    if (program_ == nullptr) return;
    EXPECT_EQ(program_->take_ports().packets, counted_) << "port_counters over the whole test";
    EXPECT_EQ(program_->take_drops().packets, dropped_) << "port_drops over the whole test";
    counted_ = dropped_ = 0;
}

Packet ip4(std::string_view destination) {
    return eth().ipv4(peer_ipv4, destination);
}

Packet ip6(std::string_view destination) {
    return eth().ipv6(peer_ipv6, destination);
}

Packet tcp4(std::uint16_t port, std::string_view destination) {
    return ip4(destination).tcp(peer_port, port);
}

Packet tcp6(std::uint16_t port, std::string_view destination) {
    return ip6(destination).tcp(peer_port, port);
}

Packet udp4(std::uint16_t port, std::string_view destination) {
    return ip4(destination).udp(peer_port, port);
}

Packet udp6(std::uint16_t port, std::string_view destination) {
    return ip6(destination).udp(peer_port, port);
}

}  // namespace xdemux::test
