// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <string>

namespace xdemux::test {

/// Runs a shell command in the calling thread's namespace and returns what it printed, stdout and stderr together.
/// Throws std::runtime_error with the command and its output unless it exits with 0.
std::string run(const std::string& command);

}  // namespace xdemux::test
