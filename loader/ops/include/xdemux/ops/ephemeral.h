// SPDX-License-Identifier: BSD-2-Clause
// The host's ephemeral ports: what they are, how they are used, and changes to them that can be taken back. They belong
// to the network namespace, not to an instance.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/ephemeral_use.h>

namespace xdemux {

/// A change that waits for its confirmation.
struct PendingEphemeral {
    EphemeralSettings fallback;       ///< what comes back without it
    std::chrono::nanoseconds left{};  ///< until then
};

struct EphemeralStatus {
    EphemeralSettings settings;
    RangeCapacity capacity;
    EphemeralUse use;
    std::vector<RangeListener> listeners;  ///< inside the range
    TimeWaitReuse reuse = TimeWaitReuse::loopback;
    std::chrono::seconds time_wait = linux_time_wait;
    std::optional<PendingEphemeral> pending;
};

/// Of the calling thread's network namespace; the listeners of the instance count, where there is one. Errors:
/// `failed`.
Result<EphemeralStatus> read_ephemeral(std::string_view instance);

struct EphemeralRequest {
    PortRange range;
    PortSet reserve;    ///< beside those that are reserved already
    PortSet unreserve;  ///< no longer
    /// Goes back by itself after so long, unless confirmed. A change without it while another one waits joins that one:
    /// the deadline and the fallback stay.
    std::optional<std::chrono::seconds> confirm{};
    bool force = false;  ///< even where listeners are in the range
    bool dry_run = false;
};

/// Changes the kernel's settings. Errors: `in_use` where the range holds ports of listeners that are not reserved;
/// `usage` where no port would be left, or the range begins among the privileged ports; `not_permitted`.
Result<EphemeralImpact> change_ephemeral(std::string_view instance, const EphemeralRequest& request);

/// None where nothing waits.
Result<std::optional<PendingEphemeral>> pending_ephemeral();
/// Keeps, or takes back, a change that waits. ErrorKind::not_found where there is none.
Status confirm_ephemeral();
Status rollback_ephemeral();

}  // namespace xdemux
