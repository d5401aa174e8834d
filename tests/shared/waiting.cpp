// SPDX-License-Identifier: BSD-2-Clause
#include "shared/waiting.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fmt/format.h>

namespace xdemux::test {

double time_scale() {
    const char* text = std::getenv("XDEMUX_TIME_SCALE");
    if (text == nullptr) return 1.0;
    double scale = 0;
    const char* end = text + std::strlen(text);
    const auto [parsed, error] = std::from_chars(text, end, scale);
    if (error != std::errc() || parsed != end || scale <= 0)
        throw std::runtime_error(fmt::format("XDEMUX_TIME_SCALE is \"{}\", not a positive number", text));
    return scale;
}

int patience_ms(int milliseconds) {
    return static_cast<int>(milliseconds * time_scale());
}

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(limit * time_scale());
    while (!condition()) {
        if (Clock::now() >= deadline) return condition();
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
}

}  // namespace xdemux::test
