// SPDX-License-Identifier: BSD-2-Clause
// `target list`: where packets are steered to.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_target_commands(Command root, Commands& commands);

}  // namespace xdemux
