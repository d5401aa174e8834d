// SPDX-License-Identifier: BSD-2-Clause
// Runs scenarios: loads, warms and checks, then times each row in rounds. It decides neither what is timed nor how it
// is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "report.h"
#include "scenario.h"
#include "timer.h"

namespace xdemux::bench {

struct Effort {
    std::uint32_t rounds = 21;
    std::uint32_t repeats = 400'000;  ///< packets a round
};

/// Called before each stretch of work: so much of it is done.
using Progress = std::function<void(std::string_view what, std::size_t done, std::size_t of)>;

/// In each round the rows of a scenario run one after the other, program and baseline next to each other, every second
/// round in the opposite order. Throws std::runtime_error where a packet does not come to what its row says.
std::vector<Line> run(Timer& timer, const std::vector<Scenario>& scenarios, const Effort& effort,
                      const Progress& progress);

}  // namespace xdemux::bench
