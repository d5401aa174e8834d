// SPDX-License-Identifier: BSD-2-Clause
// The state of an instance as text and JSON.
#pragma once

#include <xdemux/ops/snapshot.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

/// instance, netns, mode, closed, host, interfaces, contract, memory_bytes, then what else there is to tell.
Json to_json(const InstanceStatus& status);
void print_status_json(const InstanceStatus& status, const Sink& sink);
void print_status_text(const InstanceStatus& status, const Sink& sink);

}  // namespace xdemux
