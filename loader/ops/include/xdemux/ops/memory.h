// SPDX-License-Identifier: BSD-2-Clause
// What the tables of an instance cost. It reads.
#pragma once

#include <cstdint>

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>

namespace xdemux {

/// Bytes of all tables when they are full, per-CPU ones times the possible CPUs, and of what the program remembers for
/// itself; see map_memory().
Result<std::uint64_t> table_memory(const Instance& instance);

}  // namespace xdemux
