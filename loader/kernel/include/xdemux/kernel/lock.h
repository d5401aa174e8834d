// SPDX-License-Identifier: BSD-2-Clause
// One writer per instance. Settings, listeners, targets and pins change in several steps; two tools at once would
// interleave them (both see "no such listener", both add it; one unloads while the other pins).
//
// Invariant: whoever holds the flock on /run/xdemux/INSTANCE.lock is the one writer. The file is never removed: if it
// were, a waiter that had opened it before would lock the removed inode while a third process created and locked a new
// file of the same name, and both would be "the one writer". The kernel drops the lock when its holder dies, so a
// killed process leaves nothing to clear. bpffs directories cannot serve: they vanish with the instance.
//
// The lock lives outside the network namespace: instances of one name share bpffs paths, hence one lock too. It does
// not cover flows and leases, which are lock-free.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>

namespace xdemux {

/// Held from acquire() to destruction. Not recursive: a second acquire() in one process waits for the first.
class InstanceLock {
  public:
    static constexpr std::chrono::milliseconds default_wait{10'000};
    static constexpr std::string_view default_directory = "/run/xdemux";

    /// `instance` is a checked name ([A-Za-z0-9_-]{1,32}). Makes the directory (0755) and the file (0600) where they
    /// are missing. Errors: `in_use` naming the process that holds it, when `wait` is over; `not_permitted`.
    static Result<InstanceLock> acquire(std::string_view instance, std::chrono::milliseconds wait = default_wait,
                                        std::string_view directory = default_directory);

    InstanceLock(InstanceLock&&) noexcept = default;
    InstanceLock& operator=(InstanceLock&&) = delete;
    InstanceLock(const InstanceLock&) = delete;
    InstanceLock& operator=(const InstanceLock&) = delete;
    ~InstanceLock();

  private:
    explicit InstanceLock(Fd file) : file_(std::move(file)) {}
    Fd file_;
};

/// The one reader of an instance's events: two would each get a part of them. Held from acquire() to destruction, on a
/// file of its own beside the instance's, INSTANCE.monitor.lock, so that a reader keeps no writer waiting.
class MonitorLock {
  public:
    /// Does not wait. Errors: `in_use` naming the process that reads; `not_permitted`.
    static Result<MonitorLock> acquire(std::string_view instance,
                                       std::string_view directory = InstanceLock::default_directory);

    MonitorLock(MonitorLock&&) noexcept = default;
    MonitorLock& operator=(MonitorLock&&) = delete;
    MonitorLock(const MonitorLock&) = delete;
    MonitorLock& operator=(const MonitorLock&) = delete;
    ~MonitorLock();

  private:
    explicit MonitorLock(Fd file) : file_(std::move(file)) {}
    Fd file_;
};

}  // namespace xdemux
