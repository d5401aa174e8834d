// SPDX-License-Identifier: BSD-2-Clause
// `flow add|del|list|flush`.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_flow_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
