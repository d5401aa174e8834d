// SPDX-License-Identifier: BSD-2-Clause
// `xsk register|unregister|list`: AF_XDP applications, and the queues that they serve.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_xsk_commands(Command root, Commands& commands);

}  // namespace xdemux
