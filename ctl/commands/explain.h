// SPDX-License-Identifier: BSD-2-Clause
// `explain`: what becomes of a packet, and why.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_explain_command(Command root, Commands& commands);

}  // namespace xdemux
