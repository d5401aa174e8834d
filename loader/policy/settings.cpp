// SPDX-License-Identifier: BSD-2-Clause
#include <fmt/format.h>

#include <xdemux/policy/settings.h>

namespace xdemux {
namespace {

std::string_view host_name(bool host) {
    return host ? "on" : "off";
}

void append_difference(std::string& text, std::string_view what, std::string_view actual, std::string_view wanted) {
    if (actual == wanted) return;
    text += fmt::format("{}{} is {}, not {}", text.empty() ? "" : "; ", what, actual, wanted);
}

}  // namespace

std::string_view mode_name(Mode mode) {
    return mode == Mode::monitor ? "monitor" : "enforce";
}

Result<Mode> parse_mode(std::string_view text) {
    for (const Mode mode : {Mode::monitor, Mode::enforce}) {
        if (text == mode_name(mode)) return mode;
    }
    return fail(ErrorKind::usage, fmt::format("unknown mode \"{}\"; use monitor or enforce", text));
}

std::string_view closed_policy_name(ClosedPolicy policy) {
    switch (policy) {
        case ClosedPolicy::pass:
            return "pass";
        case ClosedPolicy::drop:
            return "drop";
        case ClosedPolicy::reject:
            break;
    }
    return "reject";
}

Result<ClosedPolicy> parse_closed_policy(std::string_view text) {
    for (const ClosedPolicy policy : {ClosedPolicy::pass, ClosedPolicy::drop, ClosedPolicy::reject}) {
        if (text == closed_policy_name(policy)) return policy;
    }
    return fail(ErrorKind::usage, fmt::format("unknown closed policy \"{}\"; use pass, drop or reject", text));
}

std::string Settings::to_string() const {
    return fmt::format("mode {}, closed {}, host {}", mode_name(mode), closed_policy_name(closed), host_name(host));
}

Settings SettingsChange::apply(const Settings& settings) const {
    return {mode.value_or(settings.mode), closed.value_or(settings.closed), host.value_or(settings.host)};
}

std::string describe_difference(const Settings& actual, const Settings& wanted) {
    std::string text;
    append_difference(text, "mode", mode_name(actual.mode), mode_name(wanted.mode));
    append_difference(text, "closed", closed_policy_name(actual.closed), closed_policy_name(wanted.closed));
    append_difference(text, "host", host_name(actual.host), host_name(wanted.host));
    return text;
}

}  // namespace xdemux
