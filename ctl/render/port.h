// SPDX-License-Identifier: BSD-2-Clause
// All that is known of one port number, as text and JSON.
#pragma once

#include <xdemux/ops/snapshot.h>

#include "render/json.h"
#include "render/port_names.h"
#include "render/sink.h"

namespace xdemux {

/// port, range, range_first, range_last, privileged, first_unprivileged, services, listeners, host_sockets, flows,
/// counters.
Json to_json(const PortInfo& info, const PortNames& names);
void print_port_json(const PortInfo& info, const PortNames& names, const Sink& sink);
void print_port_text(const PortInfo& info, const PortNames& names, const Sink& sink);

}  // namespace xdemux
