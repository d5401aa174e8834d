// SPDX-License-Identifier: BSD-2-Clause
// The data path's view of the listeners in the maps: port_slots, listen_addrs, listen_prefixes. It writes in the order
// that the contract asks for and knows nothing of the journal.
#pragma once

#include <xdemux/base/error.h>
#include <xdemux/ops/tables.h>
#include <xdemux/policy/listener_tables.h>

namespace xdemux {

/// What stands in the maps, sorted as compile() sorts.
Result<ListenerTables> read_listener_tables(const Tables& tables);

/// Puts entries, then slots, whose hints lead to them, then erases: no packet falls between. When it returns, no
/// program remembers what was before. Writing it twice is as writing it once, so a change that broke off is undone by
/// writing the contrary.
Status write_delta(const Tables& tables, const TablesDelta& delta);

/// Whether both views fit into the maps at once, which is what a change takes for a moment. ErrorKind::full.
Status check_room(const Tables& tables, const ListenerTableSizes& present, const TablesDelta& delta);

}  // namespace xdemux
