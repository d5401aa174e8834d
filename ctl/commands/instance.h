// SPDX-License-Identifier: BSD-2-Clause
// `status`, `unload`: an instance as a whole.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_instance_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
