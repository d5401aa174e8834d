// SPDX-License-Identifier: BSD-2-Clause
// What the kernel is set to about ports, in the calling thread's network namespace. It changes nothing.
#pragma once

#include <cstdint>

namespace xdemux {

/// net.ipv4.ip_unprivileged_port_start: a process that binds a port below it needs CAP_NET_BIND_SERVICE. The kernel's
/// default, 1024, where it cannot be read.
std::uint32_t first_unprivileged_port();

}  // namespace xdemux
