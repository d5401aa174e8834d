// SPDX-License-Identifier: BSD-2-Clause
// The host's ephemeral ports as text, with a picture of the range, and as JSON.
#pragma once

#include <string>

#include <xdemux/ops/ephemeral.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

/// range, presets, ports, reserved, usable, cliff, in_use, time_wait, time_wait_seconds, time_wait_reuse,
/// sustainable_per_second, destinations, listeners, pending.
Json to_json(const EphemeralStatus& status);
void print_ephemeral_json(const EphemeralStatus& status, const Sink& sink);
void print_ephemeral_text(const EphemeralStatus& status, const Sink& sink);

/// All ports from 0 to 65535 in one line, a letter for each 1024: "." is outside of the range, "-" free, "1" to "9" how
/// many tenths are taken, "R" reserved, "L" holds a listener that is not reserved.
std::string range_picture(const EphemeralStatus& status);

}  // namespace xdemux
