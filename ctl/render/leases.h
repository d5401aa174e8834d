// SPDX-License-Identifier: BSD-2-Clause
// Leased ports as text and JSON.
#pragma once

#include <span>

#include <xdemux/ops/leases.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

/// proto, state, local (a block has "port_last"), remote (null: a block), target, owner, pid, idle_seconds.
Json to_json(const LeaseRow& row);
void print_leases_json(std::span<const LeaseRow> rows, const Sink& sink);
void print_leases_text(std::span<const LeaseRow> rows, const Sink& sink);
/// The local endpoints alone, one a line, for scripts.
void print_leased_text(std::span<const LeaseRow> rows, const Sink& sink);

}  // namespace xdemux
