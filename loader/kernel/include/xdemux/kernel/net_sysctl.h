// SPDX-License-Identifier: BSD-2-Clause
// How the network stack is set, in the calling thread's network namespace. It changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/address.h>
#include <xdemux/policy/endpoint.h>

namespace xdemux {

/// Whether packets that come in there are sent on to other hosts.
bool forwards(std::string_view ifname, Family family);

/// net.ipv4.ip_local_port_range, for both families; none where it cannot be read.
std::optional<PortRange> ephemeral_range();

/// net.ipv4.ip_local_reserved_ports: what the kernel hands to no one by itself. Errors as of read_text_file();
/// ErrorKind::failed where it is hidden.
Result<std::vector<PortRange>> reserved_ports();

}  // namespace xdemux
