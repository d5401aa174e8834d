// SPDX-License-Identifier: BSD-2-Clause
// Policy routing: which tables the kernel looks into for any packet. Private to this box; it knows no routes.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include <xdemux/base/error.h>
#include <xdemux/policy/address.h>

namespace xdemux {

using RuledTables = std::map<Family, std::set<std::uint32_t>>;

/// What rules without any condition name, in the calling thread's namespace (ip-rule(8)), up to the main table: behind
/// it nothing is certain, since its default route comes first. A rule of whose conditions we do not know counts as one
/// with a condition: a destination that is taken for another host's is passed, one that is taken for ours is not. VRFs
/// have a rule of their own, whose tables are not among these. Both families are there.
Result<RuledTables> unconditional_tables();

}  // namespace xdemux
