// SPDX-License-Identifier: BSD-2-Clause
// Listeners that share an endpoint and steer are a group of equal weights that nobody named. It is kept under the id of
// the listener that answers for them, whose place in listener_targets has the group's number instead of its own
// target's. What users call groups is ops/groups.h's part.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/target.h>

namespace xdemux {

/// Whether a group is one of those.
bool is_shared_endpoint(const Target& group);

/// The id of the listener that answers for all of them.
std::uint32_t front_of_endpoint(const Target& group);

/// Whether the listener that answers for all of them is there and leads to their group; else that is to be cleared.
Result<bool> is_led_to(const Tables& tables, std::uint32_t number, const Target& group);

/// Brings their groups, and where their listeners lead, to what `listeners` says; each at once for every packet. All
/// the listeners' targets have rows. Done twice it comes to the same. The instance must be writable().
Status share_endpoints(Instance& instance, const ListenerSet& listeners);

/// Clears the groups that no listener leads to any more. The instance must be writable().
Status sweep_shared_endpoints(Instance& instance);

}  // namespace xdemux
