// SPDX-License-Identifier: BSD-2-Clause
// Registered sockets as text and JSON.
#pragma once

#include <span>

#include <xdemux/ops/sockets.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

/// name, proto, local, v6only, cookie, process (these are null where no socket is registered), listeners, fallback,
/// packets, fallback_packets.
Json to_json(const SocketRow& row);
void print_sockets_json(std::span<const SocketRow> rows, const Sink& sink);
void print_sockets_text(std::span<const SocketRow> rows, const Sink& sink);

}  // namespace xdemux
