// SPDX-License-Identifier: BSD-2-Clause
// `port show`: all that is known of a port number.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_port_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
