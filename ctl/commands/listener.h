// SPDX-License-Identifier: BSD-2-Clause
// `listener add|del|replace|list`.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_listener_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
