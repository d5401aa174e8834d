// SPDX-License-Identifier: BSD-2-Clause
// The listeners of an instance: read, and changed all or nothing. A change that is interrupted is completed or undone
// by the next writer (the contract's journal); it loses no packet that an unchanged listener waits for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/safeguard.h>
#include <xdemux/policy/listener_set.h>

namespace xdemux {

enum class ListenerVerb : std::uint8_t {
    add,
    replace,  ///< as add, whether or not there is one; its counter starts anew
    remove,   ///< by ListenerSelector::of(listener)
};

struct ListenerChange {
    ListenerVerb verb = ListenerVerb::add;
    Listener listener;
    std::size_t line = 0;  ///< of a batch, from 1; 0: none
};

/// What the user asked for, in force now.
Result<ListenerSet> read_listeners(const Instance& instance);

/// What the set becomes. With lines, every error in one, "SOURCE:LINE: MESSAGE". Pure. Errors as ListenerSet's.
Result<ListenerSet> apply_changes(const ListenerSet& listeners, std::span<const ListenerChange> changes,
                                  const std::string& source = {});

struct ListenerOptions {
    std::string source{};                  ///< names the batch in messages
    bool dry_run = false;                  ///< everything is checked, nothing changed
    std::optional<Safeguard> safeguard{};  ///< none: whatever it cuts off
};

/// All changes, in their order, or none. The instance must be writable(). Errors: `in_use` (conflict), `not_found`,
/// `usage`, `full` (naming the table), `unsupported` (reject where it cannot be answered), `refused` (the safeguard).
Status change_listeners(Instance& instance, std::span<const ListenerChange> changes,
                        const ListenerOptions& options = {});

/// Completes or undoes the change of a killed writer. Instance::open_for_change() has called it.
Status recover_listeners(Instance& instance);

}  // namespace xdemux
