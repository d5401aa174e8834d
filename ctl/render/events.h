// SPDX-License-Identifier: BSD-2-Clause
// Events as lines of text and of JSON. A stream has no end, so each line of JSON is an object of its own.
#pragma once

#include <cstdint>
#include <string>

#include <xdemux/ops/events.h>

#include "render/json.h"
#include "render/port_names.h"
#include "render/sink.h"

namespace xdemux {

/// "2026-01-31T12:00:00.123456789Z"; nanoseconds since 1970, UTC.
std::string wall_time_text(std::int64_t time_ns);

/// time (as wall_time_text()), time_ns (CLOCK_MONOTONIC), verdict, action, reason, proto, remote, local, dev, listener,
/// frame_bytes.
Json to_json(const PacketEvent& event);
/// {"schema": 1, "event": {...}} on a line.
void print_event_json(const PacketEvent& event, const Sink& sink);

/// The titles of the lines below.
void print_event_titles(const Sink& sink);
void print_event_text(const PacketEvent& event, const PortNames& names, const Sink& sink);

}  // namespace xdemux
