// SPDX-License-Identifier: BSD-2-Clause
// `listener add|del|replace|list`.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_listener_commands(Command root, Commands& commands);

}  // namespace xdemux
