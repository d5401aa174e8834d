// SPDX-License-Identifier: BSD-2-Clause
// Sets what an instance has counted back to zero. What it has counted is in snapshot.h.
#pragma once

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>

namespace xdemux {

/// Port counters, drops, reasons and listener counts; flows keep theirs. Packets that arrive meanwhile are counted
/// before or after, or lost to the counters in the instant of the reset.
Status reset_counters(Instance& instance);

}  // namespace xdemux
