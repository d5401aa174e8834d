// SPDX-License-Identifier: BSD-2-Clause
// What an AF_XDP socket of somebody else's making is bound to. It changes nothing, neither of the socket nor of the
// interface.
#pragma once

#include <cstdint>
#include <optional>

#include <xdemux/base/error.h>

namespace xdemux {

/// Whether the descriptor is an AF_XDP socket's. Error: `not_found` where it is none at all.
Result<bool> is_xsk(int fd);

/// A receive queue of an interface of the calling thread's network namespace.
struct ReceiveQueue {
    std::uint32_t ifindex = 0;
    std::uint32_t queue = 0;

    friend auto operator<=>(const ReceiveQueue&, const ReceiveQueue&) = default;
};

/// Whether that socket is bound to that queue. Errors: `not_found` where there is no such interface, `not_permitted`
/// (CAP_NET_RAW).
Result<bool> is_xsk_bound(int fd, const ReceiveQueue& queue);

/// The queue that it is bound to; none: to none of this namespace.
Result<std::optional<ReceiveQueue>> find_xsk_queue(int fd);

}  // namespace xdemux
