// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace xdemux {

/// The number that the text is, all of it; none where there is anything else in it, or it does not fit.
template <typename Number>
std::optional<Number> whole_number(std::string_view text, int base = 10) {
    Number number{};
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number, base);
    if (error != std::errc() || end != last) return std::nullopt;
    return number;
}

}  // namespace xdemux
