// SPDX-License-Identifier: BSD-2-Clause
// `attach`, `detach`: interfaces on and off an instance.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_attach_commands(Command root, Commands& commands);

}  // namespace xdemux
