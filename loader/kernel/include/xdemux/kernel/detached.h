// SPDX-License-Identifier: BSD-2-Clause
// A small process that outlives the tool: it belongs to no terminal and no parent, keeps the network namespace of the
// thread that began it, and ends when its work is done. It is told nothing and tells nothing.
#pragma once

#include <cstdint>
#include <functional>

#include <xdemux/base/error.h>

namespace xdemux {

/// Begins one of that name (15 characters at most) that runs `work` and exits. Its standard streams are /dev/null, its
/// other descriptors closed; signals that a terminal sends do not reach it. It is a fork(2) that goes on in C++, so the
/// caller must have one thread. ErrorKind::failed where no process can be made.
Status run_detached(const char* name, const std::function<void()>& work);

/// Waits until a moment of CLOCK_BOOTTIME (which goes on while the host sleeps), or until the file at `path` is gone or
/// replaced. Whether the moment has come. Where the file cannot be watched (no inotify instance is left), it waits for
/// the moment alone.
/// `until_boot_ns`: as boot_now_ns() tells it.
bool wait_while_file_stays(const char* path, std::uint64_t until_boot_ns);

}  // namespace xdemux
