// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include <fmt/format.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/port_sysctl.h>
#include <xdemux/kernel/process.h>
#include <xdemux/ops/ephemeral.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/listeners.h>

#include "ephemeral_pending.h"

namespace xdemux {
namespace {

/// None where there is no instance, or it may not be read.
ListenerSet listeners_of(std::string_view name) {
    const auto instance = Instance::open(name);
    if (!instance) return {};
    return read_listeners(*instance).value_or(ListenerSet{});
}

/// Walks /proc only when the first name is asked for.
class SocketNames {
  public:
    std::string operator()(std::uint64_t inode) {
        if (!owners_) owners_ = socket_owners();
        const auto owner = owners_->find(inode);
        return owner == owners_->end() ? "a socket" : fmt::format("{} {}", owner->second.name, owner->second.pid);
    }

  private:
    std::optional<std::unordered_map<std::uint64_t, Process>> owners_;
};

std::optional<PendingEphemeral> pending_of(const std::optional<PendingRecord>& record) {
    if (!record) return std::nullopt;
    const auto left = static_cast<std::int64_t>(record->deadline_ns) - static_cast<std::int64_t>(boot_now_ns());
    return PendingEphemeral{record->fallback, std::chrono::nanoseconds(std::max<std::int64_t>(left, 0))};
}

EphemeralSettings wanted(const EphemeralSettings& before, const EphemeralRequest& request) {
    EphemeralSettings after{request.range, before.reserved};
    after.reserved.remove(request.unreserve);
    after.reserved.add(request.reserve);
    return after;
}

Status check(const EphemeralSettings& after, const EphemeralImpact& impact, bool force) {
    const std::string range = after.range.to_string();
    if (impact.after.usable == 0)
        return fail(ErrorKind::usage, fmt::format("no port of {} would be left: all are reserved", range));
    if (const auto first = first_unprivileged_port(); after.range.first < first) {
        return fail(ErrorKind::usage,
                    fmt::format("range {} begins below {}, the first port that is not privileged "
                                "(net.ipv4.ip_unprivileged_port_start), which the kernel refuses; use {}-{}",
                                range, first, first, after.range.last));
    }
    if (force || impact.listeners.empty()) return {};
    PortSet ports;
    for (const RangeListener& listener : impact.listeners)
        ports.add(PortRange::one(listener.port));
    return fail(ErrorKind::in_use,
                fmt::format("range {} holds ports of listeners, which an outgoing connection could take while they are "
                            "restarted: {}; add --reserve {}, or use --force",
                            range, describe(impact.listeners), ports.to_string()));
}

/// A change without a deadline joins one that waits.
std::optional<PendingRecord> record_for(const EphemeralRequest& request, const std::optional<PendingRecord>& waiting,
                                        const EphemeralSettings& before, const EphemeralSettings& after) {
    if (!request.confirm && !waiting) return std::nullopt;
    PendingRecord record{0, waiting ? waiting->fallback : before, after};
    const auto within = request.confirm ? std::chrono::nanoseconds(*request.confirm).count() : 0;
    record.deadline_ns = request.confirm ? boot_now_ns() + static_cast<std::uint64_t>(within) : waiting->deadline_ns;
    return record;
}

Status apply(const EphemeralRequest& request, const EphemeralSettings& before, const EphemeralSettings& after) {
    const auto waiting = read_pending();
    if (!waiting) return fail(waiting.error());
    const auto record = record_for(request, *waiting, before, after);
    if (record) {
        if (auto noted = write_pending(*record); !noted) return noted;
    }
    auto written = write_ephemeral_settings(after);
    if (written || !record) return written;
    // The change that waited before is as it was.
    (void)(*waiting ? write_pending(**waiting) : remove_pending());
    return written;
}

Result<PendingRecord> require_pending() {
    auto record = read_pending();
    if (!record) return fail(record.error());
    if (*record) return **record;
    return fail(ErrorKind::not_found, "nothing to confirm: no change of the ephemeral ports waits");
}

/// One whose process was killed: what it would have done.
Status take_back_overdue() {
    const auto record = read_pending();
    if (!record) return fail(record.error());
    if (!*record || (*record)->deadline_ns > boot_now_ns()) return {};
    return rollback_ephemeral();
}

}  // namespace

Result<EphemeralStatus> read_ephemeral(std::string_view instance) {
    auto settings = read_ephemeral_settings();
    if (!settings) return fail(settings.error());
    const auto sockets = host_sockets();
    if (!sockets) return fail(sockets.error());
    const auto record = read_pending();
    EphemeralStatus status;
    status.settings = *settings;
    status.capacity = capacity_of(status.settings.range, status.settings.reserved);
    status.use = use_of(*sockets, status.settings.range);
    SocketNames names;
    status.listeners = listeners_inside(*sockets, listeners_of(instance), status.settings, std::ref(names));
    status.reuse = time_wait_reuse();
    if (record) status.pending = pending_of(*record);
    return status;
}

Result<EphemeralImpact> change_ephemeral(std::string_view instance, const EphemeralRequest& request) {
    std::optional<InstanceLock> lock;
    if (!request.dry_run) {
        if (auto done = take_back_overdue(); !done) return fail(done.error());
        auto locked = lock_ephemeral();
        if (!locked) return fail(locked.error());
        lock.emplace(std::move(*locked));
    }
    const auto before = read_ephemeral_settings();
    if (!before) return fail(before.error());
    const auto sockets = host_sockets();
    if (!sockets) return fail(sockets.error());
    const EphemeralSettings after = wanted(*before, request);
    SocketNames names;
    const auto inside = listeners_inside(*sockets, listeners_of(instance), after, std::ref(names));
    EphemeralImpact impact = impact_of(*sockets, inside, *before, after);
    if (auto right = check(after, impact, request.force); !right) return fail(right.error());
    if (request.dry_run) return impact;
    if (auto applied = apply(request, *before, after); !applied) return fail(applied.error());
    return impact;
}

Result<std::optional<PendingEphemeral>> pending_ephemeral() {
    const auto record = read_pending();
    if (!record) return fail(record.error());
    return pending_of(*record);
}

Status confirm_ephemeral() {
    if (auto done = take_back_overdue(); !done) return done;
    const auto lock = lock_ephemeral();
    if (!lock) return fail(lock.error());
    const auto record = require_pending();
    if (!record) return fail(record.error());
    return remove_pending();
}

Status rollback_ephemeral() {
    const auto lock = lock_ephemeral();
    if (!lock) return fail(lock.error());
    const auto record = require_pending();
    if (!record) return fail(record.error());
    const auto now = read_ephemeral_settings();
    if (!now) return fail(now.error());
    if (auto written = write_ephemeral_settings(taken_back(*now, *record)); !written) return written;
    auto removed = remove_pending();
    if (!removed) (void)write_ephemeral_settings(*now);  // it still waits, and goes back at its deadline
    return removed;
}

}  // namespace xdemux
