// SPDX-License-Identifier: BSD-2-Clause
// Reads a small file whole, and tells one that is not there from one that cannot be read. It changes nothing.
#pragma once

#include <optional>
#include <string>

#include <xdemux/base/error.h>

namespace xdemux {

/// None where there is no such file, or what it speaks of in /proc is gone. Errors as open(2)'s and read(2)'s.
Result<std::optional<std::string>> read_text_file(const std::string& path);

}  // namespace xdemux
