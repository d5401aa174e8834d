// SPDX-License-Identifier: BSD-2-Clause
// Now, as the data path tells time. It reads nothing of an instance.
#pragma once

#include <chrono>

namespace xdemux {

/// Since boot, without time asleep: what times of flows, scans and blocks are compared with. No step of the wall clock
/// moves it.
std::chrono::nanoseconds data_path_now();

}  // namespace xdemux
