// SPDX-License-Identifier: BSD-2-Clause
#include <cassert>

#include <fmt/format.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/settings.h>

namespace xdemux {
namespace {

/// The rules that decide, without a deadline.
contract::settings settled(contract::settings settings, const contract::rules& rules) {
    settings.rules = settings.fallback = rules;
    settings.confirm_by_ns = 0;
    return settings;
}

Status guard_settings(const Instance& instance, const Settings& wanted, const SettingsRequest& request) {
    if (!request.safeguard) return {};
    const auto before = rules_in_force(instance, *request.safeguard);
    if (!before) return fail(before.error());
    RulesInForce after = *before;
    after.settings = wanted;
    if (auto safe = check_operators(*before, after, *request.safeguard); !safe) return safe;
    return check_traffic(*before, after, false);
}

Status require_pending(const Instance& instance) {
    const auto pending = pending_confirm(instance);
    if (pending && !pending->over()) return {};
    return fail(ErrorKind::not_found, fmt::format("nothing to confirm: no change of instance \"{}\" waits{}",
                                                  instance.name(), pending ? ", its time is over" : ""));
}

}  // namespace

Settings settings_in_force(const Instance& instance) {
    const auto pending = pending_confirm(instance);
    return pending && pending->over() ? pending->fallback : decode(instance.settings().rules);
}

std::optional<PendingConfirm> pending_confirm(const Instance& instance) {
    const auto& settings = instance.settings();
    if (settings.confirm_by_ns == 0) return std::nullopt;
    const auto left = static_cast<std::int64_t>(settings.confirm_by_ns) - static_cast<std::int64_t>(coarse_now_ns());
    return PendingConfirm{decode(settings.fallback), std::chrono::nanoseconds(left)};
}

Status change_settings(Instance& instance, const SettingsRequest& request) {
    assert(instance.writable());
    const contract::settings& old = instance.settings();
    const Settings wanted = request.change.apply(decode(old.rules));
    if (wanted.closed == ClosedPolicy::reject) {
        if (auto possible = check_reject(instance); !possible) return possible;
    }
    if (auto safe = guard_settings(instance, wanted, request); !safe) return safe;
    contract::settings settings = old;
    settings.rules = encode(wanted);
    if (old.confirm_by_ns == 0) settings.fallback = request.confirm ? old.rules : settings.rules;
    if (request.confirm) settings.confirm_by_ns = confirm_deadline(*request.confirm);
    if (request.dry_run || (wanted == decode(old.rules) && !request.confirm)) return {};
    if (auto replaced = instance.replace_program(settings); !replaced) return replaced;
    return instance.keep();
}

Status confirm_settings(Instance& instance) {
    if (auto pending = require_pending(instance); !pending) return pending;
    return instance.replace_program(settled(instance.settings(), instance.settings().rules));
}

Status rollback_settings(Instance& instance) {
    if (auto pending = require_pending(instance); !pending) return pending;
    return instance.replace_program(settled(instance.settings(), instance.settings().fallback));
}

}  // namespace xdemux
