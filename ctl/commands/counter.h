// SPDX-License-Identifier: BSD-2-Clause
// `counter list|reset`: packets and bytes by port.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_counter_commands(Command root, Commands& commands);

}  // namespace xdemux
