// SPDX-License-Identifier: BSD-2-Clause
// Evidence of scans, and blocked sources, as text and JSON.
#pragma once

#include <chrono>
#include <span>

#include <xdemux/ops/blocks.h>
#include <xdemux/ops/scans.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

/// source, family, endpoints, addresses, packets, first_seen_ns, last_seen_ns, protocols, tcp_flags, kind,
/// blocked_until_ns (null: it is not).
Json to_json(const ScanRow& row);
void print_scans_json(std::span<const ScanRow> rows, const Sink& sink);
/// `now` is CLOCK_MONOTONIC, as the times of the rows are.
void print_scans_text(std::span<const ScanRow> rows, std::chrono::nanoseconds now, const Sink& sink);

/// source, family, until_ns.
Json to_json(const Block& block);
void print_blocks_json(std::span<const Block> blocks, const Sink& sink);
void print_blocks_text(std::span<const Block> blocks, std::chrono::nanoseconds now, const Sink& sink);

}  // namespace xdemux
