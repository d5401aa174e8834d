// SPDX-License-Identifier: BSD-2-Clause
// AF_XDP applications and the queues that they serve, as text and JSON.
#pragma once

#include <span>

#include <xdemux/ops/xsks.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

/// name, fallback, packets, bytes, fallback_packets, fallback_bytes, queues: [{dev (null: gone), ifindex, queue,
/// process, alive}].
Json to_json(const XskRow& row);
void print_xsks_json(std::span<const XskRow> rows, const Sink& sink);
/// A line a queue; the counts are of the name, and stand in its first line.
void print_xsks_text(std::span<const XskRow> rows, const Sink& sink);

}  // namespace xdemux
