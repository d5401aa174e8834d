// SPDX-License-Identifier: BSD-2-Clause
// A BPF ring buffer, read. One reader at a time: see lock.h. It knows no record's layout.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include <xdemux/base/error.h>
#include <xdemux/kernel/map.h>

struct ring_buffer;

namespace xdemux {

class RingReader {
  public:
    using Each = std::function<void(std::span<const std::byte> record)>;

    /// `each` gets every record of read(); the bytes live only during the call.
    static Result<RingReader> open(const MapHandle& handle, Each each);

    /// Readable while records wait.
    [[nodiscard]] int fd() const;
    /// All that wait, in the order in which they were reserved. It does not wait.
    [[nodiscard]] Status read() const;

  private:
    struct Free {
        void operator()(ring_buffer* ring) const;
    };
    RingReader(std::unique_ptr<Each> each, std::unique_ptr<ring_buffer, Free> ring)
        : each_(std::move(each)), ring_(std::move(ring)) {}

    std::unique_ptr<Each> each_;  // libbpf keeps its address
    std::unique_ptr<ring_buffer, Free> ring_;
};

}  // namespace xdemux
