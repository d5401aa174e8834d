// SPDX-License-Identifier: BSD-2-Clause
// Where a match goes. The name and kind alone; what a target does to a packet is the data path's part.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>

namespace xdemux {

enum class TargetKind : std::uint8_t { pass, drop, reject };

std::string_view target_kind_name(TargetKind kind);

struct Target {
    TargetKind kind = TargetKind::pass;

    /// ErrorKind::usage, with the list of what there is.
    static Result<Target> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const Target&, const Target&) = default;
};

}  // namespace xdemux
