// SPDX-License-Identifier: BSD-2-Clause
// `target list`: where packets are steered to.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_target_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
