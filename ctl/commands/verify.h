// SPDX-License-Identifier: BSD-2-Clause
// xdemux verify
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_verify_command(Command root, Commands& commands);

}  // namespace xdemux
