// SPDX-License-Identifier: BSD-2-Clause
// `counter list|reset`: packets and bytes by port.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_counter_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
