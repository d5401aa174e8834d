// SPDX-License-Identifier: BSD-2-Clause
// `ephemeral lease|release|list`: ports that are handed out, and to whom.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

/// Below `ephemeral`.
void add_lease_commands(CLI::App* object, Commands& commands);

}  // namespace xdemux
