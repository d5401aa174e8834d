// SPDX-License-Identifier: BSD-2-Clause
// The settings of an instance: what is in force, and changes by putting another program in place. No packet and no
// counter is lost by a change.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/safeguard.h>
#include <xdemux/policy/settings.h>

namespace xdemux {

/// A change that waits for confirm().
struct PendingConfirm {
    Settings fallback;  ///< what is in force again without it
    /// Until then; zero or less: the time is over, `fallback` is in force, and the next change makes it final.
    std::chrono::nanoseconds left{};

    [[nodiscard]] bool over() const { return left.count() <= 0; }
};

/// What decides at this moment: the fallback, where the time to confirm is over.
Settings settings_in_force(const Instance& instance);
std::optional<PendingConfirm> pending_confirm(const Instance& instance);

struct SettingsRequest {
    SettingsChange change;
    /// Rolls back by itself after so long, unless confirmed. A change without it while another one waits joins that
    /// one: the deadline and the fallback stay.
    std::optional<std::chrono::seconds> confirm{};
    bool dry_run = false;
    std::optional<Safeguard> safeguard{};  ///< none: whatever it cuts off
};

/// Errors: `unsupported` (closed reject where it cannot be answered), `refused` (the safeguard), `failed`.
Status change_settings(Instance& instance, const SettingsRequest& request);

/// ErrorKind::not_found where nothing waits, or the time is over.
Status confirm_settings(Instance& instance);
Status rollback_settings(Instance& instance);

}  // namespace xdemux
