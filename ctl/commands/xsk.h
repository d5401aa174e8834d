// SPDX-License-Identifier: BSD-2-Clause
// `xsk register|unregister|list`: AF_XDP applications, and the queues that they serve.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_xsk_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
