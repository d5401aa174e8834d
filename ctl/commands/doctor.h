// SPDX-License-Identifier: BSD-2-Clause
// `doctor`: what this kernel, driver and host allow.
#pragma once

#include <CLI/CLI.hpp>

namespace xdemux {

class Commands;

void add_doctor_command(CLI::App& root, Commands& commands);

}  // namespace xdemux
