// SPDX-License-Identifier: BSD-2-Clause
// The port table as text and JSON: an instance's entries beside the host's own sockets, in the order they came in.
#pragma once

#include <span>

#include <xdemux/ops/snapshot.h>

#include "render/json.h"
#include "render/port_names.h"
#include "render/sink.h"

namespace xdemux {

/// proto, state, local, remote, target, dev, source, process (of a host's socket, where known), shadowed_by (who gets
/// every packet that it waits for; null where it gets some).
Json to_json(const Endpoint& endpoint);
void print_endpoints_json(std::span<const Endpoint> endpoints, const Sink& sink);
/// The process that holds a host's socket, and who gets its packets in its place, stand last, where there are any.
void print_endpoints_text(std::span<const Endpoint> endpoints, const PortNames& names, const Sink& sink);

}  // namespace xdemux
