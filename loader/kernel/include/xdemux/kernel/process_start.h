// SPDX-License-Identifier: BSD-2-Clause
// When a process began, which tells it from a later one of the same number. It changes nothing.
#pragma once

#include <cstdint>
#include <optional>

#include <sys/types.h>

#include <xdemux/base/error.h>

namespace xdemux {

/// In clock ticks since boot, the same in every time namespace; none where there is no such process any more, or it is
/// a zombie. Errors as of read_text_file(): whether it lives is not known then. Source: field 22 of /proc/PID/stat,
/// proc(5).
Result<std::optional<std::uint64_t>> process_start(pid_t pid);

}  // namespace xdemux
