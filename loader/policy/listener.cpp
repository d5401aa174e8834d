// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include <fmt/format.h>

#include <xdemux/policy/listener.h>

namespace xdemux {
namespace {

// Not isalnum(): it follows the locale.
bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

}  // namespace

Status check_listener_name(std::string_view name) {
    if (name.size() > Listener::max_name) {
        return fail(ErrorKind::usage, fmt::format("listener name \"{}\" is longer than {} bytes; use a shorter one",
                                                  name, Listener::max_name));
    }
    if (!std::all_of(name.begin(), name.end(), is_name_character)) {
        return fail(
            ErrorKind::usage,
            fmt::format("listener name \"{}\" has other characters than letters, digits, \".\", \"_\" and \"-\"",
                        name));
    }
    return {};
}

Status Listener::validate() const {
    if (const auto checked = check_listener_name(name); !checked) return checked;
    if (v6only && local.family() == Family::ipv4) {
        return fail(ErrorKind::usage, fmt::format("listener {} {}: --v6only goes with an IPv6 endpoint, as in [::]:{}",
                                                  proto_name(proto), local.to_string(), local.ports.to_string()));
    }
    if (!may_be_reached()) {
        const std::string_view family = family_name(local.family());
        return fail(ErrorKind::usage,
                    fmt::format("listener {} {} hears {} alone, and none of the sources is {}: nobody could reach it",
                                proto_name(proto), local.to_string(), family, family));
    }
    return {};
}

bool Listener::may_be_reached() const {
    if (guard.sources.empty() || scope() == Scope::dual) return true;
    return std::any_of(guard.sources.begin(), guard.sources.end(),
                       [&](const Prefix& source) { return source.address.family() == local.family(); });
}

Scope Listener::scope() const {
    return scope_of(local.family(), local.form == LocalForm::wildcard, v6only);
}

std::string Listener::describe() const {
    std::string text = fmt::format("{} {}", proto_name(proto), local.to_string());
    if (device) text += fmt::format(" --dev {}", device->name);
    if (v6only) text += " --v6only";
    return text;
}

}  // namespace xdemux
