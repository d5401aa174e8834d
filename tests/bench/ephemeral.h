// SPDX-License-Identifier: BSD-2-Clause
// What leasing a port costs, and how many connections a second there are with and without. It measures; it prints
// nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xdemux::bench {

struct EphemeralRow {
    std::string name;
    double value = 0;
    std::string_view unit;         ///< "ns", "times", "bytes", "leases", "per second"
    std::optional<double> goal{};  ///< the value is to be at most this
    [[nodiscard]] std::optional<bool> met() const { return goal ? std::optional<bool>(value <= *goal) : std::nullopt; }
};

/// Connections a second while a range fills: share of it in percent, and the rate.
struct ConnectLine {
    std::string name;
    std::vector<std::pair<double, double>> points;
};

struct EphemeralEffort {
    int pairs = 200'000;         ///< leases and releases that are timed
    std::uint16_t fill = 8'000;  ///< ports of the range that is filled for all destinations
    int destinations = 1'000;
    std::uint16_t connect = 8'000;  ///< ports of the range that connections fill
};

/// On an instance of its own, in the network namespace of the calling thread, which must be a fresh one. Throws
/// std::runtime_error.
std::vector<EphemeralRow> measure_leases(const EphemeralEffort& effort);

/// IPv4 and IPv6, the kernel alone and with ports that are leased before, over the loopback interface.
std::vector<ConnectLine> measure_connects(const EphemeralEffort& effort);

std::string render_ephemeral(const std::vector<EphemeralRow>& rows, const std::vector<ConnectLine>& lines);
/// {"schema": 1, "benchmarks": [{"name", "ns", "value", "unit", "goal", "met"}]}; ns is null where the unit is another.
std::string render_ephemeral_json(const std::vector<EphemeralRow>& rows, const std::vector<ConnectLine>& lines);

}  // namespace xdemux::bench
