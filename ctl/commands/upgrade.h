// SPDX-License-Identifier: BSD-2-Clause
// `upgrade`: an instance under this build of the tool.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_upgrade_command(CLI::App& root, Commands& commands);

}  // namespace xdemux
