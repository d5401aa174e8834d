// SPDX-License-Identifier: BSD-2-Clause
// `scan list|reset|block|unblock|blocks`: who touched closed endpoints, and who is kept away for it.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_scan_commands(Command root, Commands& commands);

}  // namespace xdemux
