// SPDX-License-Identifier: BSD-2-Clause
// `table`: the port table, an instance's entries beside the host's sockets.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_table_command(Command root, Commands& commands);

}  // namespace xdemux
