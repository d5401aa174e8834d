// SPDX-License-Identifier: BSD-2-Clause
#include <ctime>
#include <sstream>

#include <xdemux/base/units.h>
#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/text_file.h>

namespace xdemux {
namespace {

std::int64_t now_ns(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * ns_per_second + now.tv_nsec;
}

struct Offsets {
    std::int64_t monotonic = 0;
    std::int64_t boot = 0;
};

/// None in a kernel without time namespaces. A process stays in the one in which it began.
Offsets read_offsets() {
    Offsets offsets;
    std::istringstream lines(
        read_text_file("/proc/self/timens_offsets").value_or(std::nullopt).value_or(std::string()));
    std::string clock;
    for (std::int64_t seconds = 0, ns = 0; lines >> clock >> seconds >> ns;)
        (clock == "monotonic" ? offsets.monotonic : offsets.boot) = seconds * ns_per_second + ns;
    return offsets;
}

const Offsets& offsets() {
    static const Offsets here = read_offsets();
    return here;
}

}  // namespace

std::uint64_t coarse_now_ns() {
    return static_cast<std::uint64_t>(now_ns(CLOCK_MONOTONIC_COARSE) - offsets().monotonic);
}

std::uint64_t precise_now_ns() {
    return static_cast<std::uint64_t>(now_ns(CLOCK_MONOTONIC) - offsets().monotonic);
}

std::uint64_t boot_now_ns() {
    return static_cast<std::uint64_t>(now_ns(CLOCK_BOOTTIME) - offsets().boot);
}

std::int64_t boot_offset_ns() {
    return offsets().boot;
}

std::int64_t wall_clock_offset_ns() {
    return now_ns(CLOCK_REALTIME) - static_cast<std::int64_t>(precise_now_ns());
}

std::uint64_t confirm_deadline(std::chrono::seconds from_now) {
    const auto wait = std::chrono::duration_cast<std::chrono::nanoseconds>(from_now).count();
    return coarse_now_ns() + static_cast<std::uint64_t>(wait > 0 ? wait : 0) + 1;
}

}  // namespace xdemux
