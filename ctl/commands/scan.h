// SPDX-License-Identifier: BSD-2-Clause
// `scan list|reset|block|unblock|blocks`: who touched closed endpoints, and who is kept away for it.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_scan_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
