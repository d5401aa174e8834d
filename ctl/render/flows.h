// SPDX-License-Identifier: BSD-2-Clause
// Flows as text and JSON.
#pragma once

#include <chrono>
#include <span>

#include <xdemux/policy/flow.h>

#include "render/json.h"
#include "render/port_names.h"
#include "render/sink.h"

namespace xdemux {

/// proto, local, remote, state, target, packets, bytes, last_seen_ns (null: never).
Json to_json(const Flow& flow);
void print_flows_json(std::span<const Flow> flows, const Sink& sink);
/// `now` is CLOCK_MONOTONIC, as the flows' last_seen_ns is.
void print_flows_text(std::span<const Flow> flows, const PortNames& names, std::chrono::nanoseconds now,
                      const Sink& sink);

}  // namespace xdemux
