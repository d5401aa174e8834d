// SPDX-License-Identifier: BSD-2-Clause
// A writer that is stopped before one of its accesses: another comes in between, or it is never heard of again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "watch.h"

namespace xdemux::test {

/// Counts the accesses, and at the nth, from 0, lets an intruder do all that it does before it; or several, each at
/// its own.
class Interruption : public Watch {
  public:
    struct At {
        std::size_t nth;
        std::function<void()> intruder;
    };
    Interruption(std::size_t nth, std::function<void()> intruder) : list_{{nth, std::move(intruder)}} {}
    explicit Interruption(std::vector<At> list) : list_(std::move(list)) {}

    std::uint64_t load(const void* at, std::size_t size) override {
        pause();
        return Watch::load(at, size);
    }
    void store(void* at, std::uint64_t value, std::size_t size, watched_order order) override {
        pause();
        Watch::store(at, value, size, order);
    }
    bool swap(void* at, std::uint64_t& expected, std::uint64_t value, std::size_t size) override {
        pause();
        return Watch::swap(at, expected, value, size);
    }
    /// Whether there was such an access, as the first is for.
    [[nodiscard]] bool happened() const { return accesses_ > list_.front().nth; }
    [[nodiscard]] std::size_t accesses() const { return accesses_; }

  private:
    void pause() {
        const std::size_t access = accesses_++;
        for (const At& each : list_) {
            if (each.nth != access) continue;
            Watch plain;
            const Watching watching(plain);
            each.intruder();
        }
    }

    std::vector<At> list_;
    std::size_t accesses_ = 0;
};

/// A writer that is killed before its nth access: from then on nothing that it does is done, up to its end.
class Death : public Watch {
  public:
    explicit Death(std::size_t nth) : nth_(nth) {}

    using Work = std::function<void()>;
    /// Whether it died; else it had fewer accesses.
    bool kills(const Work& work) {
        const Watching watching(*this);
        work();
        return is_dead();
    }

    std::uint64_t load(const void* at, std::size_t size) override {
        ++accesses_;
        return Watch::load(at, size);
    }
    void store(void* at, std::uint64_t value, std::size_t size, watched_order order) override {
        ++accesses_;
        if (!is_dead()) Watch::store(at, value, size, order);
    }
    bool swap(void* at, std::uint64_t& expected, std::uint64_t value, std::size_t size) override {
        ++accesses_;
        return !is_dead() && Watch::swap(at, expected, value, size);
    }

  private:
    [[nodiscard]] bool is_dead() const { return accesses_ > nth_; }

    std::size_t nth_;
    std::size_t accesses_ = 0;
};

}  // namespace xdemux::test
