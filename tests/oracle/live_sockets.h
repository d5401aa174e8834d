// SPDX-License-Identifier: BSD-2-Clause
// Makes real sockets of their descriptions, in the calling thread's namespace. It decides nothing: what the kernel
// refuses is left out.
#pragma once

#include <string>
#include <vector>

#include <sys/socket.h>

#include <xdemux/base/fd.h>

#include "scene.h"

namespace xdemux::oracle {

struct SocketName {
    sockaddr_storage storage{};
    socklen_t size = 0;

    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
/// `ipv6_socket`: an IPv4 address becomes a v4-mapped one.
SocketName name_of(const SocketAddress& address, bool ipv6_socket);

struct LiveSocket {
    SocketSpec spec;
    Fd fd;  ///< none: TIME_WAIT, which no process holds
};

/// Sequence numbers of connections that were made without a handshake.
inline constexpr std::uint32_t sent_sequence = 1'000'000;
inline constexpr std::uint32_t received_sequence = 2'000'000;

class LiveSockets {
  public:
    /// `peer`: the namespace of the other end of what is closed. Throws std::runtime_error for anything but a refusal.
    LiveSockets(const std::vector<SocketSpec>& specs, const std::string& peer);
    ~LiveSockets();
    LiveSockets(const LiveSockets&) = delete;
    LiveSockets& operator=(const LiveSockets&) = delete;

    [[nodiscard]] const std::vector<LiveSocket>& all() const { return sockets_; }
    /// Those that were made, in their order.
    [[nodiscard]] const std::vector<SocketSpec>& specs() const { return specs_; }

  private:
    std::vector<LiveSocket> sockets_;
    std::vector<SocketSpec> specs_;
};

}  // namespace xdemux::oracle
