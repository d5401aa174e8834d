// SPDX-License-Identifier: BSD-2-Clause
// `upgrade`: an instance under this build of the tool.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_upgrade_command(Command root, Commands& commands);

}  // namespace xdemux
