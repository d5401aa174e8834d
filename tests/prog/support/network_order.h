// SPDX-License-Identifier: BSD-2-Clause
// Numbers into bytes, network order. For the packet builder alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "support/packet_builder.h"

namespace xdemux::test {

/// What would be written at or behind `end`, where a header was cut, is left out.
inline void put8(Bytes& to, std::size_t at, std::size_t end, std::uint32_t value) {
    if (at < std::min(end, to.size())) to[at] = static_cast<std::uint8_t>(value);
}

inline void put16(Bytes& to, std::size_t at, std::size_t end, std::uint32_t value) {
    put8(to, at, end, value >> 8);
    put8(to, at + 1, end, value);
}

inline void put32(Bytes& to, std::size_t at, std::uint32_t value) {
    put16(to, at, to.size(), value >> 16);
    put16(to, at + 2, to.size(), value);
}

}  // namespace xdemux::test
