// SPDX-License-Identifier: BSD-2-Clause
// Which listeners are a group because they share an endpoint. Pure; the group itself is ops' part.
#pragma once

#include <cstdint>
#include <vector>

#include <xdemux/policy/listener_set.h>

namespace xdemux {

/// By id, the one that answers for all of them in front: see Answer.
using SharedEndpoint = std::vector<std::uint32_t>;

/// Where several listeners share an endpoint (--reuseport) and steer.
std::vector<SharedEndpoint> shared_endpoints(const ListenerSet& listeners);

}  // namespace xdemux
