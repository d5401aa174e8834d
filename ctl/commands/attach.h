// SPDX-License-Identifier: BSD-2-Clause
// `attach`, `detach`: interfaces on and off an instance.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_attach_commands(CLI::App& root, Commands& commands);

}  // namespace xdemux
