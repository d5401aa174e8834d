// SPDX-License-Identifier: BSD-2-Clause
// The AF_XDP sockets to which an instance hands packets over: target xsk:NAME, a socket for each receive queue that the
// application serves. Registered here, by whoever holds the socket or for it; the kernel forgets a socket that is
// closed, and the next command what stood here of it. Nothing here reads or writes a frame.
//
// Invariant: a place of map xsks that a row of xsk_queues names is never given to another socket before the row is gone
// and no packet that read it is under way: a stale row leads to an empty place, or to nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/process.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/target.h>

namespace xdemux {

/// ErrorKind::usage.
Status check_xsk_name(std::string_view name);
/// "pass", "drop" or "reject". ErrorKind::usage.
Result<TargetKind> parse_fallback(std::string_view text);

struct XskRegistration {
    std::string name;  ///< of the target, as `--to xsk:NAME` has it
    std::string dev;
    std::uint32_t queue = 0;
    int fd = -1;
    std::optional<pid_t> pid{};            ///< whose descriptor it is; none: this process was started with it
    std::optional<TargetKind> fallback{};  ///< of a name that is new; one that is_simple()
    bool dry_run = false;                  ///< everything is checked, nothing changed
};

/// The instance must be writable(). Errors: `not_found` (interface, process or descriptor), `usage` (no AF_XDP socket,
/// or bound to another queue, which is named), `in_use` where an open socket serves that queue under the name, or the
/// name has another fallback; `full`.
Status register_xsk(Instance& instance, const XskRegistration& registration);

/// What unregister_xsk() takes out.
struct XskSelection {
    std::string name;
    std::string dev{};                       ///< empty: of every interface
    std::optional<std::uint32_t> ifindex{};  ///< the interface once its name was looked up, which may change
    std::optional<std::uint32_t> queue{};    ///< none: every queue
    std::optional<pid_t> pid{};              ///< none: whoever registered it
    bool in_use_too = false;                 ///< its last queues too, though listeners, flows or groups name it
    bool dry_run = false;
};

/// When it returns no more packets come to those sockets; what is in their rings stays there. Listeners that name the
/// target fall back. How many queues. The instance must be writable(). Errors: `not_found` where there are none,
/// `in_use` naming who does.
Result<std::size_t> unregister_xsk(Instance& instance, const XskSelection& selection);

/// Clears what is left of sockets that are closed. The instance must be writable(); Instance::open_for_change() has
/// called it.
Status sweep_xsks(Instance& instance);

struct XskQueueRow {
    std::uint32_t ifindex = 0;
    std::string dev;  ///< empty: the interface is gone
    std::uint32_t queue = 0;
    Process process;     ///< who registered it; no name: it has ended
    bool alive = false;  ///< its socket is open
};

/// An xsk target, and the queues that are served for it, by interface and number.
struct XskRow {
    Target target;
    std::vector<XskQueueRow> queues;
    contract::target_count count{};
};

/// By name; those that listeners name and nobody registered too.
Result<std::vector<XskRow>> read_xsks(const Instance& instance);

/// Why the target of that number cannot act on any queue right now; empty: it can.
std::string xsk_hindrance(const Instance& instance, std::uint32_t number);

}  // namespace xdemux
