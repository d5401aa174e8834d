// SPDX-License-Identifier: BSD-2-Clause
// A change of the kernel's ephemeral ports that waits for its confirmation: what is written down of it, in
// /run/xdemux/ephemeral-COOKIE.pending, so that any process can confirm it or take it back, and who does so when the
// time is over. Private to this box.
//
// Invariant: the file is there before the change and gone after its end, so a process that is killed at any moment
// leaves either no change, or a change with its way back. The file is only replaced whole, by rename(2), under the lock
// of the namespace's settings. After a restart of the host both are gone: the kernel begins with its own settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <xdemux/base/error.h>
#include <xdemux/kernel/ephemeral_sysctl.h>
#include <xdemux/kernel/lock.h>

namespace xdemux {

struct PendingRecord {
    std::uint64_t deadline_ns = 0;  ///< CLOCK_BOOTTIME
    EphemeralSettings fallback;     ///< as it was before
    EphemeralSettings written;      ///< as it was changed to

    friend bool operator==(const PendingRecord&, const PendingRecord&) = default;
};

/// Pure: the record as text and back; none where it is no record.
std::string to_text(const PendingRecord& record);
std::optional<PendingRecord> parse_pending(const std::string& text);

/// What the settings become when a change is taken back: what others changed since then stays. Pure.
EphemeralSettings taken_back(const EphemeralSettings& now, const PendingRecord& record);

/// One writer of a namespace's settings at a time.
Result<InstanceLock> lock_ephemeral();

/// Under the lock, all of these.
Result<std::optional<PendingRecord>> read_pending();
/// Writes it down, and begins the process that takes it back at the deadline; the one of a record before it ends.
Status write_pending(const PendingRecord& record);
Status remove_pending();

}  // namespace xdemux
