// SPDX-License-Identifier: BSD-2-Clause
// Links of sk_lookup programs: a part of how a network namespace finds the socket of a packet. A namespace may have
// several; they are asked in the order in which they were attached. It loads and pins nothing.
#pragma once

#include <cstdint>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>

namespace xdemux {

/// Puts the program behind those that the calling thread's namespace has. Errors: `full` where it has as many as the
/// kernel allows, `unsupported`, `not_permitted`. The link is updated and detached as others are (link.h).
Result<Fd> create_socket_lookup_link(int program);

/// Whether its namespace is still there.
Result<bool> socket_lookup_is_live(int link);

/// The kernel's ids of all sk_lookup programs of the calling thread's namespace, in the order in which they are asked.
Result<std::vector<std::uint32_t>> socket_lookup_programs();

}  // namespace xdemux
