// SPDX-License-Identifier: BSD-2-Clause
// Targets as text and JSON.
#pragma once

#include <span>

#include <xdemux/ops/targets.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

/// target, fallback, active, hindrance, users, packets, bytes, fallback_packets, fallback_bytes.
Json to_json(const TargetRow& row);
void print_targets_json(std::span<const TargetRow> rows, const Sink& sink);
void print_targets_text(std::span<const TargetRow> rows, const Sink& sink);

}  // namespace xdemux
