// SPDX-License-Identifier: BSD-2-Clause
// `flow add|del|list|flush`.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_flow_commands(Command root, Commands& commands);

}  // namespace xdemux
