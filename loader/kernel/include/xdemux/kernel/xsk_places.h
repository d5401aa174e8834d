// SPDX-License-Identifier: BSD-2-Clause
// Which places of an XSKMAP hold a socket. The kernel empties a place when its socket is closed, and lets no system
// call look: a program of our own is run to tell. It changes nothing.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/kernel/map.h>

namespace xdemux {

/// Those of `places` that hold a socket that is open. Nothing is asked where there are none. Errors: as those of
/// loading a program.
Result<std::set<std::uint32_t>> taken_xsk_places(const MapHandle& xsks, const std::vector<std::uint32_t>& places);

}  // namespace xdemux
