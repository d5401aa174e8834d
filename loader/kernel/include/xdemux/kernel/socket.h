// SPDX-License-Identifier: BSD-2-Clause
// Sockets that servers wait at: those that this process was given, and what a socket is. It neither reads from them nor
// changes them.
#pragma once

#include <cstdint>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>
#include <xdemux/policy/socket_fit.h>

namespace xdemux {

/// A descriptor that this process was started with, duplicated. ErrorKind::not_found.
Result<Fd> inherited_descriptor(int fd);

/// What the service manager passed under `name` (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES: sd_listen_fds(3)); the only
/// one, whatever its name. Duplicated. Errors: `not_found` (nothing is passed to this process, or not that),
/// `usage` (several are, and their names do not tell them apart).
Result<Fd> passed_descriptor(std::string_view name);

struct ServerSocket {
    SocketKind kind;
    std::uint64_t cookie = 0;  ///< the kernel's number of it, never used again (SO_COOKIE)
    std::uint64_t netns = 0;   ///< see netns_cookie()
};
/// ErrorKind::usage where it is no socket that waits for peers: a listening one of TCP, or a bound one of UDP that is
/// not connected.
Result<ServerSocket> describe_server_socket(int fd);

}  // namespace xdemux
