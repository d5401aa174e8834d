// SPDX-License-Identifier: BSD-2-Clause
// `socket register|unregister|list`: sockets to which listeners deliver, by name.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_socket_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
