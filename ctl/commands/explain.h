// SPDX-License-Identifier: BSD-2-Clause
// `explain`: what becomes of a packet, and why.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_explain_command(CLI::App& root, Commands& commands);

}  // namespace xdemux
