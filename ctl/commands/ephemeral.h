// SPDX-License-Identifier: BSD-2-Clause
// `ephemeral show|set|simulate`: the ports that outgoing connections get.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_ephemeral_commands(Command root, Commands& commands);

}  // namespace xdemux
