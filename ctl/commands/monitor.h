// SPDX-License-Identifier: BSD-2-Clause
// `monitor`: dropped and rejected packets as they come.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_monitor_command(CLI::App& root, Commands& commands);

}  // namespace xdemux
