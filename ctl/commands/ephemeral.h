// SPDX-License-Identifier: BSD-2-Clause
// `ephemeral show|set|simulate`: the ports that outgoing connections get.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_ephemeral_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
