// SPDX-License-Identifier: BSD-2-Clause
// The kernel's ephemeral ports, read and written, in the calling thread's network namespace. They serve IPv4 and IPv6
// alike. What is wise to write is decided elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/port_set.h>

namespace xdemux {

struct EphemeralSettings {
    PortRange range;   ///< net.ipv4.ip_local_port_range
    PortSet reserved;  ///< net.ipv4.ip_local_reserved_ports: given to no one who does not name the port

    friend bool operator==(const EphemeralSettings&, const EphemeralSettings&) = default;
};

/// ErrorKind::failed where they cannot be read.
Result<EphemeralSettings> read_ephemeral_settings();

/// Both or none. Errors: `not_permitted`; `failed` where the kernel refuses the range, which must not begin below
/// net.ipv4.ip_unprivileged_port_start.
Status write_ephemeral_settings(const EphemeralSettings& settings);

/// Adds to the reserved ports, or takes away from them, whatever else changed meanwhile.
Status change_reserved_ports(const PortSet& add, const PortSet& remove);

/// What the kernel does with a port in TIME_WAIT when another connection is to take it (net.ipv4.tcp_tw_reuse).
enum class TimeWaitReuse : std::uint8_t { off, on, loopback };
/// The kernel's default, for loopback, where it cannot be read.
TimeWaitReuse time_wait_reuse();
/// "off", "on", "loopback".
std::string_view time_wait_reuse_name(TimeWaitReuse reuse);

/// net.ipv4.tcp_timestamps, without which no port is reused (RFC 6191).
bool tcp_timestamps();

}  // namespace xdemux
