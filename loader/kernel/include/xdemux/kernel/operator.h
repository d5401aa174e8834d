// SPDX-License-Identifier: BSD-2-Clause
// By which connections the person at this tool is logged in: from the environment, and from the login server among the
// parents of this process. It looks; whether a change would cut them off is judged elsewhere.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>

namespace xdemux {

/// Of TCP, as its packets come in: to `local`.
struct Connection {
    SocketAddress local;
    SocketAddress remote;

    friend auto operator<=>(const Connection&, const Connection&) = default;
};

/// What sshd puts into SSH_CONNECTION: client address, client port, server address, server port. None where it is
/// malformed.
std::optional<Connection> parse_ssh_connection(std::string_view text);

/// SSH_CONNECTION, and the established connections of the nearest parent process that is a login server (sshd,
/// dropbear, telnetd), which sudo's clean environment does not hide. Only those of the calling thread's network
/// namespace are found by the second way; the first may name one of another. Fails where the sockets of a login server
/// cannot be listed.
Result<std::vector<Connection>> operator_connections();

/// By which device the kernel would answer, ifindex; none where there is no route.
std::optional<std::uint32_t> route_device(const Address& remote);

}  // namespace xdemux
