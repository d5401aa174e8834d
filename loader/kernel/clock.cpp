// SPDX-License-Identifier: BSD-2-Clause
#include <ctime>

#include <xdemux/kernel/clock.h>

namespace xdemux {
namespace {

std::uint64_t now_ns(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::uint64_t coarse_now_ns() {
    return now_ns(CLOCK_MONOTONIC_COARSE);
}

std::int64_t wall_clock_offset_ns() {
    return static_cast<std::int64_t>(now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC));
}

std::uint64_t confirm_deadline(std::chrono::seconds from_now) {
    const auto wait = std::chrono::duration_cast<std::chrono::nanoseconds>(from_now).count();
    return coarse_now_ns() + static_cast<std::uint64_t>(wait > 0 ? wait : 0) + 1;
}

}  // namespace xdemux
