// SPDX-License-Identifier: BSD-2-Clause
// The clock that the data path reads (CLOCK_MONOTONIC_COARSE), for deadlines that it keeps. It does not wait.
#pragma once

#include <chrono>
#include <cstdint>

namespace xdemux {

/// Nanoseconds since boot, without time asleep.
std::uint64_t coarse_now_ns();

/// What to add to a time of CLOCK_MONOTONIC for that of the wall clock (nanoseconds since 1970, UTC), as the two stand
/// now.
std::int64_t wall_clock_offset_ns();

/// The moment so far from now; never 0, which means "no deadline".
std::uint64_t confirm_deadline(std::chrono::seconds from_now);

}  // namespace xdemux
