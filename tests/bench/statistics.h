// SPDX-License-Identifier: BSD-2-Clause
// From timings to figures. Pure: it times nothing.
#pragma once

#include <vector>

namespace xdemux::bench {

/// What one round measured, one right after the other: ns a packet.
struct Pair {
    double baseline = 0;
    double subject = 0;
};

/// All in ns a packet.
struct Figures {
    double subject = 0;           ///< median
    double baseline = 0;          ///< median
    double over_baseline = 0;     ///< median of the differences within a round: drift from round to round cancels out
    double over_of_minimums = 0;  ///< fastest against fastest: what is left of a noisy machine

    /// 0 where there is no baseline.
    [[nodiscard]] double ratio() const { return baseline == 0 ? 0 : subject / baseline; }
};

/// Of at least one value; of an even number of them the mean of the two in the middle.
double median(std::vector<double> values);

/// Of at least one round.
Figures figures_of(const std::vector<Pair>& rounds);

}  // namespace xdemux::bench
