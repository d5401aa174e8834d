// SPDX-License-Identifier: BSD-2-Clause
// Shows something again each second, until it is interrupted. What it shows is the caller's part.
#pragma once

#include <functional>

#include <xdemux/base/error.h>

#include "commands/output.h"

namespace xdemux {

/// Calls `show` at once and then each second; SIGINT and SIGTERM end it well. On a terminal each takes the place of the
/// one before, elsewhere `separator` stands between them. Errors: those of `show`, and of standard output.
Status watch(Output& output, std::string_view separator, const std::function<Status()>& show);

}  // namespace xdemux
