// SPDX-License-Identifier: BSD-2-Clause
// xdemux verify
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_verify_command(CLI::App& root, Commands& commands);

}  // namespace xdemux
