// SPDX-License-Identifier: BSD-2-Clause
// Ranges of ephemeral ports: what systems use, what a user may ask for, and the arithmetic of how far a range goes. It
// knows no host.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/port_set.h>

namespace xdemux {

/// A range by name.
struct EphemeralPreset {
    std::string_view name;         ///< as the command takes it: "linux"
    std::string_view description;  ///< "Linux since 4.2"
    PortRange range;
};
/// IANA, Linux, old Linux, Windows, macOS, FreeBSD.
std::span<const EphemeralPreset> ephemeral_presets();

/// The name of a preset, or "LO-HI". ErrorKind::usage: neither, backwards, port 0, a single port.
Result<PortRange> parse_ephemeral_range(std::string_view text);

/// How many ports are in a range; of all of them 65535.
constexpr std::size_t port_count(const PortRange& range) {
    return range.is_all() ? UINT16_MAX : static_cast<std::size_t>(range.last - range.first) + 1;
}

/// RFC 9293's 2 MSL as Linux has it (TCP_TIMEWAIT_LEN).
inline constexpr std::chrono::seconds linux_time_wait{60};

/// What a range amounts to, towards one destination.
struct RangeCapacity {
    std::size_t ports = 0;     ///< in the range
    std::size_t reserved = 0;  ///< of these, given to no one
    std::size_t usable = 0;
    /// Connections from which on Linux' connect() takes many times longer: it looks through the ports of one parity
    /// first, and through the others only when those are taken (__inet_hash_connect).
    std::size_t cliff = 0;
};
RangeCapacity capacity_of(const PortRange& range, const PortSet& reserved);

/// Connections per second to one destination that a number of ports can sustain, each of them held so long and then
/// kept in TIME_WAIT.
double sustainable_rate(std::size_t ports, std::chrono::duration<double> held, std::chrono::duration<double> time_wait);

/// "28232 ports / 60 s of TIME_WAIT = 470.5 connections per second to one destination"
std::string describe_sustainable(std::size_t ports, std::chrono::seconds time_wait);

}  // namespace xdemux
