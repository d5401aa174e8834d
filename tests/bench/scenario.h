// SPDX-License-Identifier: BSD-2-Clause
// What is timed: scenarios (settings and tables) and in each its rows (packets, what they must come to, a goal). Data
// alone: a new row is a new entry in scenario.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <xdemux/contract.h>

#include "mix.h"
#include "subject.h"
#include "support/packet_builder.h"
#include "yardstick.h"

namespace xdemux::bench {

struct Row {
    std::string name;
    /// One: the program under test gets this frame, again and again. More: the mixer draws one at random each time.
    std::vector<test::Packet> packets;
    contract::reason reason = contract::REASON_UNDECIDED;  ///< of every packet
    contract::verdict verdict = contract::VERDICT_PASS;    ///< of every packet, carried out
    std::optional<double> goal;                            ///< ns over the baseline (issues 2 and 4)
    mix_peers peers{};                                     ///< with a count, the senders of the packets drawn
    /// Timed in the program's place; what the packet comes to is then the XDP action alone.
    Yardstick yardstick = Yardstick::none;

    [[nodiscard]] bool drawn() const { return packets.size() > 1 || peers.count != 0; }
};

struct Scenario {
    contract::settings settings{};
    bool forwards = false;  ///< the interface that the packets arrive on
    std::uint32_t flow_capacity = 0;
    std::vector<contract::flow_key> hashed;  ///< the flows of Yardstick::hash_flows
    std::uint32_t crowd = 0;                 ///< sockets of each protocol that the host has besides (crowd.h)
    std::function<void(Subject&)> fill;
    std::vector<Row> rows;
};

/// Enforce mode. `host`: the host's sockets are asked.
contract::settings enforce(contract::verdict closed, bool host);

/// `ifindex`: the device that packets arrive on. The host's sockets are those of host_ports.
std::vector<Scenario> scenarios(std::uint32_t ifindex);

/// The flow table and a hash map beside it, both families: at three quarters of the places with a thousand, a million
/// and eight million flows, then at nineteen twentieths; the kernel's look-up among 131,072 connections. Takes some 4
/// GB.
std::vector<Scenario> flow_scenarios();

/// Ports that sockets of the bench listen on, TCP and UDP, both families: closed ones are others.
inline constexpr std::uint16_t host_ports[] = {22, 53};

}  // namespace xdemux::bench
