// SPDX-License-Identifier: BSD-2-Clause
// Who holds a socket, from /proc. Best effort by nature (processes come and go, and others' may be hidden), so it never
// fails; and costly (one readlink per open file of the host), so ask only when the answer is shown.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include <sys/types.h>

namespace xdemux {

struct Process {
    pid_t pid = 0;
    std::string name;  ///< /proc/PID/comm: 15 characters at most
};

/// The name of a process, empty if it is gone or hidden.
std::string process_name(pid_t pid);

/// Socket inode to the process with the lowest pid that has it open; sockets of processes that may not be inspected are
/// absent.
std::unordered_map<std::uint64_t, Process> socket_owners();

/// The inodes of the sockets that a process has open; empty where it may not be inspected.
std::unordered_set<std::uint64_t> socket_inodes(pid_t pid);

}  // namespace xdemux
