// SPDX-License-Identifier: BSD-2-Clause
// `status`, `unload`: an instance as a whole.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_instance_commands(Command root, Commands& commands);

}  // namespace xdemux
