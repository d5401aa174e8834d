// SPDX-License-Identifier: BSD-2-Clause
// `set`, `confirm`, `rollback`: the settings of an instance.
#pragma once

#include "commands/command.h"

namespace xdemux {

void add_settings_commands(Command root, Commands& commands);

}  // namespace xdemux
