// SPDX-License-Identifier: BSD-2-Clause
// A descriptor of another process, made one of this process's too. It knows nothing of what it is.
#pragma once

#include <sys/types.h>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>

namespace xdemux {

/// Descriptor `fd` of process `pid`, by pidfd_getfd(2) (Linux 5.6). Errors: `not_found` where there is no such process,
/// or it has no such descriptor open; `not_permitted` where this process may not trace it.
Result<Fd> take_descriptor(pid_t pid, int fd);

}  // namespace xdemux
