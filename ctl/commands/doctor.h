// SPDX-License-Identifier: BSD-2-Clause
// `doctor`: what this kernel, driver and host allow.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_doctor_command(Command root, Commands& commands);

}  // namespace xdemux
