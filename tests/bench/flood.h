// SPDX-License-Identifier: BSD-2-Clause
// A flood of closed ports, received on a veth by the kernel alone, by the program under test, and by one that only
// drops: how many packets are handled, and what is left of the CPU for an iperf3 flow beside them. Sender, receiver and
// flow share the one CPU of the test bed, so that what one takes the others lack. It judges and prints nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report.h"

namespace xdemux::bench {

struct FloodEffort {
    std::uint32_t rounds = 5;
    std::chrono::milliseconds flood{1000};  ///< as fast as it goes
    std::chrono::seconds flow{2};           ///< iperf3, beside flood_rate
};

inline constexpr std::uint32_t flood_rate = 250'000;  ///< packets a second beside the flow

/// One receiver and one kind of packet.
struct FloodLine {
    std::string name;
    Figures packet;  ///< ns a packet, sending included; the baseline is the program that only drops
    Figures flow;    ///< ns a kilobyte of the flow; the baseline is the flow without a flood
};

/// Takes rounds * 7 * (flood + flow). Throws std::runtime_error, also where the program under test has not dropped
/// what was sent.
std::vector<FloodLine> run_flood(const FloodEffort& effort, const std::function<void(std::string_view)>& progress);

/// What drops the packets of a UDP flood, beside a program that does nothing else.
struct DropLine {
    std::string name;
    Figures packet;                ///< as FloodLine's
    std::optional<double> goal{};  ///< least share of the packets of the program that only drops

    [[nodiscard]] double share() const { return packet.baseline / packet.subject; }
    [[nodiscard]] std::optional<bool> met() const {
        return goal ? std::optional<bool>(share() >= *goal) : std::nullopt;
    }
};

/// The program under test, which drops them by a wildcard listener, as closed, and by a flow each; and xdp-filter,
/// where it is installed. Throws std::runtime_error.
std::vector<DropLine> run_drops(const FloodEffort& effort, const std::function<void(std::string_view)>& progress);

std::string render_drops(const std::vector<DropLine>& lines);
/// For render_json(), the goal in ns over the baseline.
Line line_of(const DropLine& line);

/// Ends with a newline.
std::string render_flood(const std::vector<FloodLine>& lines);
/// For render_json(): two lines of each, without a goal.
std::vector<Line> lines_of(const std::vector<FloodLine>& lines);

}  // namespace xdemux::bench
