// SPDX-License-Identifier: BSD-2-Clause
// Listeners as text and JSON.
#pragma once

#include <span>

#include <xdemux/ops/snapshot.h>

#include "render/json.h"
#include "render/port_names.h"
#include "render/sink.h"

namespace xdemux {

/// proto, local, v6only, dev, target, reuseport, name, packets, bytes.
Json to_json(const ListenerRow& row);
void print_listeners_json(std::span<const ListenerRow> rows, const Sink& sink);
void print_listeners_text(std::span<const ListenerRow> rows, const PortNames& names, const Sink& sink);

}  // namespace xdemux
