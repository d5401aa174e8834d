// SPDX-License-Identifier: BSD-2-Clause
#include <xdemux/kernel/clock.h>
#include <xdemux/ops/moment.h>

namespace xdemux {

std::chrono::nanoseconds data_path_now() {
    return std::chrono::nanoseconds(coarse_now_ns());
}

}  // namespace xdemux
