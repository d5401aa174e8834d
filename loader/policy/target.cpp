// SPDX-License-Identifier: BSD-2-Clause
#include <array>

#include <fmt/format.h>

#include <xdemux/policy/target.h>

namespace xdemux {
namespace {

constexpr std::array kinds{TargetKind::pass, TargetKind::drop, TargetKind::reject};

}  // namespace

std::string_view target_kind_name(TargetKind kind) {
    switch (kind) {
        case TargetKind::pass:
            return "pass";
        case TargetKind::drop:
            return "drop";
        case TargetKind::reject:
            return "reject";
    }
    return "unknown";
}

Result<Target> Target::parse(std::string_view text) {
    std::string known;
    for (const TargetKind kind : kinds) {
        if (text == target_kind_name(kind)) return Target{kind};
        known += fmt::format("{}{}", known.empty() ? "" : ", ", target_kind_name(kind));
    }
    return fail(ErrorKind::usage, fmt::format("unknown target \"{}\"; the targets are: {}", text, known));
}

std::string Target::to_string() const {
    return std::string(target_kind_name(kind));
}

}  // namespace xdemux
