// SPDX-License-Identifier: BSD-2-Clause
// Figures as a table for people and as JSON. Pure: it measures and prints nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "statistics.h"

namespace xdemux::bench {

struct Line {
    std::string name;
    Figures figures;
    std::optional<double> goal;  ///< ns over the baseline

    /// Absent where no goal is set.
    [[nodiscard]] std::optional<bool> met() const;
};

/// Ends with a newline. `verbose` adds the baseline, and the difference of the fastest rounds.
std::string render_table(const std::vector<Line>& lines, bool verbose);

/// {"schema": 1, "benchmarks": [{"name", "ns", "over_baseline_ns", "ratio", "goal", "met"}]}, goal and met null where
/// no goal is set; ends with a newline.
std::string render_json(const std::vector<Line>& lines);

}  // namespace xdemux::bench
