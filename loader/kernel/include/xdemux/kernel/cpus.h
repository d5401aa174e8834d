// SPDX-License-Identifier: BSD-2-Clause
// Which CPUs this machine has running. It changes nothing.
#pragma once

#include <cstdint>
#include <set>

#include <xdemux/base/error.h>

namespace xdemux {

/// By number, from /sys/devices/system/cpu/online.
Result<std::set<std::uint32_t>> online_cpus();

}  // namespace xdemux
