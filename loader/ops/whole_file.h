// SPDX-License-Identifier: BSD-2-Clause
// A file that others read while it is written: they see the former content or the new one, never a part. Private to
// this box.
#pragma once

#include <string>
#include <string_view>

#include <xdemux/base/error.h>

namespace xdemux {

/// Readable by its owner alone. Errors as open(2)'s, write(2)'s and rename(2)'s.
Status write_whole_file(const std::string& path, std::string_view text);

}  // namespace xdemux
