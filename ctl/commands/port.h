// SPDX-License-Identifier: BSD-2-Clause
// `port show`: all that is known of a port number.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_port_commands(Command root, Commands& commands);

}  // namespace xdemux
