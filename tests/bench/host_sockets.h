// SPDX-License-Identifier: BSD-2-Clause
// A few listening sockets in the namespace of the bench, so that the kernel's look-up has tables to walk. It accepts
// and reads nothing.
#pragma once

#include <vector>

#include <xdemux/base/fd.h>

namespace xdemux::bench {

/// TCP and UDP on host_ports, IPv4 and IPv6. Throws std::runtime_error.
std::vector<Fd> open_host_sockets();

}  // namespace xdemux::bench
