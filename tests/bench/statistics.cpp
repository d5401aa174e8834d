// SPDX-License-Identifier: BSD-2-Clause
#include "statistics.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace xdemux::bench {

double median(std::vector<double> values) {
    assert(!values.empty());
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Figures figures_of(const std::vector<Pair>& rounds) {
    std::vector<double> subjects, baselines, differences;
    for (const Pair& round : rounds) {
        subjects.push_back(round.subject);
        baselines.push_back(round.baseline);
        differences.push_back(round.subject - round.baseline);
    }
    const double fastest_subject = *std::min_element(subjects.begin(), subjects.end());
    const double fastest_baseline = *std::min_element(baselines.begin(), baselines.end());
    return {median(subjects), median(baselines), median(differences), fastest_subject - fastest_baseline};
}

}  // namespace xdemux::bench
