// SPDX-License-Identifier: BSD-2-Clause
// IANA's three ranges of port numbers (RFC 6335, section 6). What the host makes of them (privilege, its own
// ephemeral range) is not here.
#pragma once

#include <cstdint>
#include <string_view>

namespace xdemux {

enum class IanaRange : std::uint8_t { well_known, registered, dynamic };

/// 0-1023, 1024-49151, 49152-65535.
constexpr IanaRange iana_range(std::uint16_t port) {
    if (port <= 1023) return IanaRange::well_known;
    return port <= 49151 ? IanaRange::registered : IanaRange::dynamic;
}

struct PortLimits {
    std::uint16_t first;
    std::uint16_t last;  ///< inclusive
};
constexpr PortLimits iana_limits(IanaRange range) {
    switch (range) {
        case IanaRange::well_known:
            return {0, 1023};
        case IanaRange::registered:
            return {1024, 49151};
        case IanaRange::dynamic:
            break;
    }
    return {49152, 65535};
}

/// "well-known", "registered" or "dynamic".
std::string_view iana_range_name(IanaRange range);

}  // namespace xdemux
