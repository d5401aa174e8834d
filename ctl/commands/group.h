// SPDX-License-Identifier: BSD-2-Clause
// `group add|set|del|list|simulate`: targets among which flows are spread by weight.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_group_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
