// SPDX-License-Identifier: BSD-2-Clause
// `socket register|unregister|list`: sockets to which listeners deliver, by name.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_socket_commands(Command root, Commands& commands);

}  // namespace xdemux
