// SPDX-License-Identifier: BSD-2-Clause
// Reads what there is to aim at: listeners, flows, the host's sockets, and this host's addresses. Private to this box.
#pragma once

#include <cstdint>
#include <span>

#include <xdemux/base/error.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/ops/instance.h>

#include "verify_draw.h"

namespace xdemux {

/// At most this many of each group, chosen at random where there are more: flows may be millions.
inline constexpr std::size_t max_aims = 4096;

/// `loopback`: packets to loopback addresses come in. There is always something to aim at.
Result<Aims> read_aims(const Instance& instance, std::span<const LocalRoute> routes, bool loopback, std::uint64_t seed);

}  // namespace xdemux
