// SPDX-License-Identifier: BSD-2-Clause
// How many ports an owner has of those that it may have, counted by many threads at once. Without a limit it counts
// nothing, and costs nothing. Packets and other processes end leases too, which nobody tells: so the count is too high
// now and then, never too low, and where no room seems left it is made anew. It knows no leases. Private to this box.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <shared_mutex>

#include <xdemux/base/error.h>

namespace xdemux {

class PortQuota {
  public:
    /// Counts what is there.
    using Count = std::function<Result<std::uint64_t>()>;

    /// 0: no limit.
    explicit PortQuota(std::uint32_t most) : most_(most) {}

    [[nodiscard]] std::uint32_t most() const { return most_; }
    [[nodiscard]] std::uint64_t taken() const { return taken_; }

    /// Held by whoever makes the ports more or fewer, until that is counted: nobody counts them anew meanwhile.
    [[nodiscard]] std::shared_lock<std::shared_mutex> changing() const;
    /// Before they are claimed, so that no two get the last one. false: there is no room for so many.
    bool take(std::uint64_t ports);
    /// Once they are free. Not below zero: others of the same name may give back what was never counted here.
    void give(std::uint64_t ports);
    [[nodiscard]] bool has_room(std::uint64_t ports) const { return !is_limited() || taken_ + ports <= most_; }
    Status recount(const Count& count);

  private:
    [[nodiscard]] bool is_limited() const { return most_ != 0; }

    std::uint32_t most_;
    std::atomic<std::uint64_t> taken_{0};
    mutable std::shared_mutex mutex_;
};

}  // namespace xdemux
