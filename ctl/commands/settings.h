// SPDX-License-Identifier: BSD-2-Clause
// `set`, `confirm`, `rollback`: the settings of an instance.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_settings_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
