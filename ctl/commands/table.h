// SPDX-License-Identifier: BSD-2-Clause
// `table`: the port table, an instance's entries beside the host's sockets.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_table_command(CLI::App& root, Commands& commands);

}  // namespace xdemux
