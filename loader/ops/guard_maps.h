// SPDX-License-Identifier: BSD-2-Clause
// The guards of listeners in the maps: guards, guard_sources, guard_rates. Each row belongs to a listener's id and is
// there before that listener's entries are and until no packet can meet them any more, so it never changes under the
// data path. It knows nothing of the journal and writes no listener's entries.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/tables.h>
#include <xdemux/policy/listener.h>
#include <xdemux/policy/listener_set.h>

namespace xdemux {

/// Gives those that the tables say are guarded their guards. ErrorKind::failed where one is not whole: a change is
/// under way.
Status read_guards(const Tables& tables, const std::vector<std::uint32_t>& guarded, std::vector<Listener>& listeners);

/// Whether the sources of `added` fit in beside those of `present`, which is what a change takes for a moment.
/// ErrorKind::full.
Status check_guard_room(const Tables& tables, const ListenerSet& present, const std::vector<Listener>& added);

/// Of listeners whose entries are not there yet.
Status write_guards(const Tables& tables, const std::vector<Listener>& listeners);

/// Of listeners whose entries are gone; waits for the packets that met them.
Status clear_guards(const Tables& tables, const std::vector<Listener>& listeners);

/// Clears every row of a listener's id that is not to stay, as clear_guards() does: what a killed writer left.
Status sweep_guards(const Tables& tables, const std::function<bool(std::uint32_t listener)>& stays);

}  // namespace xdemux
