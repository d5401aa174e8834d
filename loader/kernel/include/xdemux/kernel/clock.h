// SPDX-License-Identifier: BSD-2-Clause
// The clocks of the kernel, as the data path reads them: no step of the wall clock moves them, and they are the same in
// every time namespace (time_namespaces(7)), whatever offset clock_gettime(2) shows there. It does not wait.
#pragma once

#include <chrono>
#include <cstdint>

namespace xdemux {

/// Nanoseconds since boot, without time asleep: CLOCK_MONOTONIC_COARSE.
std::uint64_t coarse_now_ns();

/// The same to the nanosecond: CLOCK_MONOTONIC.
std::uint64_t precise_now_ns();

/// Nanoseconds since boot, with time asleep: CLOCK_BOOTTIME.
std::uint64_t boot_now_ns();

/// What this time namespace adds to CLOCK_BOOTTIME, and to the times since boot that /proc shows.
std::int64_t boot_offset_ns();

/// What to add to a time of the data path for that of the wall clock (nanoseconds since 1970, UTC), as the two stand
/// now.
std::int64_t wall_clock_offset_ns();

/// The moment so far from now; never 0, which means "no deadline".
std::uint64_t confirm_deadline(std::chrono::seconds from_now);

}  // namespace xdemux
