// SPDX-License-Identifier: BSD-2-Clause
// `group add|set|del|list|simulate`: targets among which flows are spread by weight.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_group_commands(Command root, Commands& commands);

}  // namespace xdemux
