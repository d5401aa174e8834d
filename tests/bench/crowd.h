// SPDX-License-Identifier: BSD-2-Clause
// Many sockets beside the ones that a packet might meet, so that the kernel's look-up has full hash tables to search.
// They send and receive nothing.
#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

#include <xdemux/base/fd.h>

namespace xdemux::bench {

/// `count` TCP sockets, connected in pairs over loopback as a busy server's are (closed ports are looked for among the
/// connections first), and as many UDP sockets, bound over many addresses and ports. Child processes hold them, since
/// one may not open so many files; they end with this object, or with this process.
class Crowd {
  public:
    /// Takes some seconds for 100,000. Throws std::runtime_error.
    explicit Crowd(std::uint32_t count);
    ~Crowd();
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    [[nodiscard]] std::uint32_t count() const { return count_; }
    /// Of each protocol, that one process has at most.
    [[nodiscard]] std::uint32_t each() const { return each_; }

  private:
    void add_holder(std::uint32_t first, std::uint32_t last);
    void end();

    std::uint32_t count_;
    std::uint32_t each_ = 1;
    std::vector<pid_t> holders_;
};

}  // namespace xdemux::bench
