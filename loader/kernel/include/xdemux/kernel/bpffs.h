// SPDX-License-Identifier: BSD-2-Clause
// Whether pins can live where we want them. It never mounts anything: that is the administrator's decision.
#pragma once

#include <string>

#include <xdemux/base/error.h>

namespace xdemux {

/// Error: `unsupported` if `path` is no BPF file system, with the command that mounts one.
Status require_bpffs(const std::string& path = "/sys/fs/bpf");

}  // namespace xdemux
