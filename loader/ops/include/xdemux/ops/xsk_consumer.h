// SPDX-License-Identifier: BSD-2-Clause
// An application that takes packets by AF_XDP, beside others and the kernel on one interface. It names itself, and
// hands over a socket for each receive queue that it serves; what listeners and flows send `--to xsk:NAME` comes there.
// What comes on other queues, and all when the application ends or crashes, takes the target's fallback. It makes no
// instance, and steers nothing by itself: which ports are its own is said by `listener add`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/kernel/xsk_socket.h>
#include <xdemux/policy/target.h>

namespace xdemux {

struct XskConsumerOptions {
    std::string instance = "default";
    /// What becomes of its packets where it does not serve, of a name that is new; none: pass.
    std::optional<TargetKind> fallback{};
};

/// Every call may be made by many threads at once. Each but the constructor holds the instance's lock for a moment.
class XskConsumer {
  public:
    /// `name`: as listeners say it, 15 bytes at most. Errors: as Instance::open(), `usage`.
    static Result<XskConsumer> open(std::string_view name, XskConsumerOptions options = {});

    XskConsumer(XskConsumer&&) noexcept;
    XskConsumer& operator=(XskConsumer&&) noexcept;
    /// Withdraws.
    ~XskConsumer();

    /// Hands over a socket of the application's own making, bound to that queue and its fill ring filled; it stays the
    /// application's. Errors: `usage` (no AF_XDP socket, or bound elsewhere), `in_use` (the name has that queue
    /// already), `not_found` (interface), `full`.
    Status serve(std::string_view dev, std::uint32_t queue, int fd);
    /// Makes one with rings, and hands it over. Errors: as XskSocket::open() and serve().
    Result<XskSocket> open_queue(std::string_view dev, std::uint32_t queue, const XskSocketOptions& options = {});

    /// No more packets come to what was handed over, once it returns; what came before is still in the rings.
    Status withdraw();

  private:
    class Impl;
    explicit XskConsumer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace xdemux
