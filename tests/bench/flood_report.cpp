// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "flood.h"

namespace xdemux::bench {

std::string render_flood(const std::vector<FloodLine>& lines) {
    constexpr double ns_per_second = 1e9, million = 1e6, percent = 100;
    std::size_t width = 4;
    for (const FloodLine& line : lines)
        width = std::max(width, line.name.size());
    std::string text = fmt::format("{:<{}}  {:>8}  {:>8}  {:>14}\n", "NAME", width, "NS", "MPPS", "LEFT TO IPERF3");
    for (const FloodLine& line : lines)
        text += fmt::format("{:<{}}  {:>8.1f}  {:>8.2f}  {:>12.0f} %\n", line.name, width, line.packet.subject,
                            ns_per_second / line.packet.subject / million, percent / line.flow.ratio());
    return text;
}

std::string render_drops(const std::vector<DropLine>& lines) {
    constexpr double ns_per_second = 1e9, million = 1e6;
    std::size_t width = 4;
    for (const DropLine& line : lines)
        width = std::max(width, line.name.size());
    std::string text =
        fmt::format("{:<{}}  {:>8}  {:>8}  {:>6}  {:>7}  {:>3}\n", "NAME", width, "NS", "MPPS", "SHARE", "GOAL", "MET");
    for (const DropLine& line : lines) {
        const auto met = line.met();
        text += fmt::format("{:<{}}  {:>8.1f}  {:>8.2f}  {:>6.2f}  {:>7}  {:>3}\n", line.name, width,
                            line.packet.subject, ns_per_second / line.packet.subject / million, line.share(),
                            line.goal ? fmt::format(">= {:g}", *line.goal) : "-",
                            !met   ? "-"
                            : *met ? "yes"
                                   : "no");
    }
    return text;
}

Line line_of(const DropLine& line) {
    std::optional<double> goal;
    if (line.goal) goal = line.packet.baseline * (1 / *line.goal - 1);
    return {line.name, line.packet, goal};
}

std::vector<Line> lines_of(const std::vector<FloodLine>& lines) {
    std::vector<Line> plain;
    for (const FloodLine& line : lines) {
        plain.push_back({line.name + ": a packet", line.packet, {}});
        plain.push_back({line.name + ": a kilobyte of iperf3 beside it", line.flow, {}});
    }
    return plain;
}

}  // namespace xdemux::bench
