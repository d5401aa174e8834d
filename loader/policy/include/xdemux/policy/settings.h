// SPDX-License-Identifier: BSD-2-Clause
// The settings of an instance and changes to them. They belong to the instance, not to one attached interface.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>

namespace xdemux {

/// monitor counts what it would have done; enforce acts.
enum class Mode : std::uint8_t { monitor, enforce };
/// What becomes of a packet to a closed local endpoint, in enforce mode.
enum class ClosedPolicy : std::uint8_t { pass, drop, reject };

std::string_view mode_name(Mode mode);
Result<Mode> parse_mode(std::string_view text);
std::string_view closed_policy_name(ClosedPolicy policy);
Result<ClosedPolicy> parse_closed_policy(std::string_view text);

/// As a new instance has them.
struct Settings {
    Mode mode = Mode::monitor;
    ClosedPolicy closed = ClosedPolicy::pass;
    bool host = true;  ///< ask the kernel's socket look-up before an endpoint counts as closed

    /// "mode monitor, closed pass, host on"
    [[nodiscard]] std::string to_string() const;

    friend constexpr bool operator==(const Settings&, const Settings&) = default;
};

/// What a command asks for; what it leaves out stays as it is.
struct SettingsChange {
    std::optional<Mode> mode;
    std::optional<ClosedPolicy> closed;
    std::optional<bool> host;

    [[nodiscard]] bool empty() const { return !mode && !closed && !host; }
    [[nodiscard]] Settings apply(const Settings& settings) const;

    friend constexpr bool operator==(const SettingsChange&, const SettingsChange&) = default;
};

/// How `actual` differs from `wanted`: "mode is enforce, not monitor; closed is drop, not pass"; empty when they agree.
std::string describe_difference(const Settings& actual, const Settings& wanted);

}  // namespace xdemux
