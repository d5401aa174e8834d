// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <chrono>
#include <functional>

namespace xdemux::test {

/// XDEMUX_TIME_SCALE, a positive number that limits on waiting are multiplied by, which an emulated machine sets; 1
/// unless it is set.
double time_scale();
/// So many milliseconds as poll(2) takes them, multiplied by time_scale().
int patience_ms(int milliseconds);

/// Asks until `condition` holds; false once `limit`, multiplied by time_scale(), is over.
bool wait_until(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::milliseconds(5000));

}  // namespace xdemux::test
