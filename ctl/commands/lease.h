// SPDX-License-Identifier: BSD-2-Clause
// `ephemeral lease|release|list`: ports that are handed out, and to whom.
#pragma once

#include "commands/command.h"

namespace xdemux {

/// Below `ephemeral`.
void add_lease_commands(Command object, Commands& commands);

}  // namespace xdemux
