// SPDX-License-Identifier: BSD-2-Clause
// `reason list`: packets and bytes by reason.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_reason_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
