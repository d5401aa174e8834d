// SPDX-License-Identifier: BSD-2-Clause
// An AF_XDP socket with its rings and the memory of its frames, for one receive queue of an interface. Frames come once
// an instance steers some to it (see ops/xsk_consumer.h); it neither attaches a program nor registers itself. One
// thread at a time uses those that share memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <xdemux/base/error.h>
#include <xdemux/kernel/xsk_binding.h>

namespace xdemux {

struct XskSocketOptions {
    std::uint32_t frames = 4096;  ///< in memory, half of them for what comes; a power of two, 64 at least
    bool copy = false;            ///< let the kernel copy each frame, also where the driver need not
};

/// A frame on loan from its socket's memory. It may be changed in place and made shorter.
struct XskFrame {
    std::uint64_t place = 0;          ///< offset in the memory
    std::span<std::uint8_t> bytes{};  ///< from the Ethernet header on
};

/// Moved and destroyed, never copied; when it is gone, or its process is, the kernel steers nothing to it any more.
class XskSocket {
  public:
    static constexpr std::size_t frame_size = 4096;  ///< bytes, the kernel's headroom of 256 included

    /// Errors: `in_use` where another socket has the queue (Linux gives a queue to one memory), `not_found` (no such
    /// interface or queue), `not_permitted` (CAP_NET_RAW), `usage`.
    static Result<XskSocket> open(const ReceiveQueue& queue, const XskSocketOptions& options = {});
    /// Another one on the same queue and memory: so one process serves several names there.
    [[nodiscard]] Result<XskSocket> open_beside() const;

    XskSocket(XskSocket&&) noexcept;
    XskSocket& operator=(XskSocket&&) noexcept;
    ~XskSocket();

    /// To poll(2) for POLLIN, and to register.
    [[nodiscard]] int fd() const;
    [[nodiscard]] const ReceiveQueue& queue() const;

    /// Frames that have come, the oldest first; how many of `frames` were filled. Each is to be given back, by
    /// release() or by send(): new ones need room.
    std::size_t receive(std::span<XskFrame> frames);
    void release(const XskFrame& frame);
    /// Puts the frame in line to be sent by the queue's interface, and takes it back when it was; false: no room in the
    /// line, the frame stays the caller's.
    [[nodiscard]] bool send(const XskFrame& frame);
    /// Has the kernel see what release() and send() were given. Call it after each round. Error: the interface is gone
    /// or down; what is in line stays there.
    Status flush();

  private:
    class Impl;
    explicit XskSocket(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace xdemux
