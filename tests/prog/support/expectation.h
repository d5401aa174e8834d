// SPDX-License-Identifier: BSD-2-Clause
// What a packet must come to, and the one check of it: action, reason, verdict, bytes and every counter, those that
// must stand still included.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <xdemux/contract.h>

#include "support/packet_builder.h"
#include "support/program.h"
#include "support/testbed.h"

namespace xdemux::test {

// Enumerators of the contract, in the words of its own header.
using namespace contract;

/// Exactly one reason counter moves, by one packet and the frame's length. Of the port counters the row of `port`
/// moves alike, that of `port_drops` exactly when the action is a drop or a reply, and a listener's when it is named.
struct Expected {
    contract::reason reason = REASON_UNDECIDED;
    contract::verdict verdict = VERDICT_PASS;
    int action = XDP_PASS;
    std::uint64_t monitored = 0;
    std::optional<PortKey> port;
    std::uint32_t listener = 0;

    [[nodiscard]] Expected at(proto proto, std::uint16_t number) const;
    [[nodiscard]] Expected by(std::uint32_t listener_id) const;
    /// The same verdict, not carried out.
    [[nodiscard]] Expected in_monitor_mode() const;
};

Expected passes(reason reason);
Expected drops(reason reason);
Expected rejects(reason reason);
/// Handed over, by XDP_REDIRECT.
Expected steers(reason reason);

/// Which rows grew between the two, and by how much, as text: what a failure prints.
std::string moved(const ReasonCounts& before, const ReasonCounts& after);

struct Case {
    std::string description;
    Packet packet;
    Expected expected;
    std::uint32_t ifindex = 0;  // 0: the test bed's device
};

class ProgTest : public ::testing::Test {
  protected:
    /// The program with these settings, for which host_ipv4 and host_ipv6 are local.
    Program& load(const contract::settings& settings);
    Program& program() { return *program_; }

    /// A frame that was not answered must leave as it came.
    RunResult expect(const Packet& packet, const Expected& expected, std::uint32_t ifindex = 0);
    void expect_all(const std::vector<Case>& cases);
    /// It must leave as `leaving`, byte by byte: an answer, or changed for whoever gets it.
    void expect_frame(const Packet& packet, const Expected& expected, const Packet& leaving);

    /// Over the whole test, no row of the port counters may have moved but those that were expected.
    void TearDown() override;

  private:
    RunResult expect_counted(const Packet& packet, const Expected& expected, std::uint32_t ifindex);

    Program* program_ = nullptr;
    std::uint64_t counted_ = 0, dropped_ = 0;
};

// Packets that the cases start from: from peer_ipv4 or peer_ipv6, port 40000, to the host.
inline constexpr std::uint16_t peer_port = 40000;
Packet ip4(std::string_view destination = host_ipv4);
Packet ip6(std::string_view destination = host_ipv6);
Packet tcp4(std::uint16_t port, std::string_view destination = host_ipv4);
Packet tcp6(std::uint16_t port, std::string_view destination = host_ipv6);
Packet udp4(std::uint16_t port, std::string_view destination = host_ipv4);
Packet udp6(std::uint16_t port, std::string_view destination = host_ipv6);

}  // namespace xdemux::test
