// SPDX-License-Identifier: BSD-2-Clause
// The port table as text and JSON: an instance's entries beside the host's own sockets, in the order they came in.
#pragma once

#include <span>

#include <xdemux/ops/snapshot.h>

#include "render/json.h"
#include "render/port_names.h"
#include "render/sink.h"

namespace xdemux {

/// proto, state, local, remote, target, dev, source.
Json to_json(const Endpoint& endpoint);
void print_endpoints_json(std::span<const Endpoint> endpoints, const Sink& sink);
/// The process that holds a host's socket stands last, where it is known.
void print_endpoints_text(std::span<const Endpoint> endpoints, const PortNames& names, const Sink& sink);

}  // namespace xdemux
