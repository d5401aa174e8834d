// SPDX-License-Identifier: BSD-2-Clause
// `reason list`: packets and bytes by reason.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_reason_commands(Command root, Commands& commands);

}  // namespace xdemux
