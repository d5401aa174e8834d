// SPDX-License-Identifier: BSD-2-Clause
// What becomes of a packet, and by which look-ups, as text and JSON.
#pragma once

#include <xdemux/ops/explain.h>

#include "render/json.h"
#include "render/port_names.h"
#include "render/sink.h"

namespace xdemux {

/// verdict, action, reason, target, matched ({"listener": ...}, {"flow": ...} or null), stages (stage, found, answer),
/// dev, kernel (socket, route, local; null of a captured packet), runner_up (listener or socket, and why; null).
Json to_json(const Explanation& explanation);
void print_explanation_json(const Explanation& explanation, const Sink& sink);
void print_explanation_text(const Explanation& explanation, const PortNames& names, const Sink& sink);

}  // namespace xdemux
