// SPDX-License-Identifier: BSD-2-Clause
// `monitor`: dropped and rejected packets as they come.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_monitor_command(Command root, Commands& commands);

}  // namespace xdemux
