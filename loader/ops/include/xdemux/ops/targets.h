// SPDX-License-Identifier: BSD-2-Clause
// The targets of an instance beyond pass, drop and reject: rows of map targets, with what the kernel needs to hand
// packets over (maps cpus and devs). A row is made when something is to name it and cleared when nothing does any
// more; a group stays until it is deleted, an xsk or a socket as long as something is registered under its name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/target_table.h>

namespace xdemux {

/// A dev has the name that its interface has now.
Result<TargetTable> read_targets(const Tables& tables);

/// With what it needs to be set up: of a dev the ifindex, and where MACs are rewritten the source. Changes nothing.
/// Errors: `not_found` (no such interface, CPU, or group), `failed` where a CPU is offline, `unsupported` (see
/// hands_to_cpus()).
Result<Target> resolve_target(const Instance& instance, const Target& target);

/// The number under which `target` may be named; a new one's row is written, and what the kernel needs. The instance
/// must be writable(). Errors as resolve_target(), `in_use` (another fallback), `full`.
Result<std::uint32_t> claim_target(Instance& instance, const Target& target);

/// Clears the rows that nothing names any more, once no packet that met them is under way. The instance must be
/// writable().
Status sweep_targets(Instance& instance);

/// Who names it, as messages say it: "listener tcp 0.0.0.0:80", "group web", "flow tcp ...".
Result<std::vector<std::string>> users_of(const Instance& instance, std::uint32_t number);

/// Whether packets that come in by an interface in this mode get to another CPU. In generic mode the kernel loses them:
/// a program that takes fragments is given a copy of the packet, which lacks the mac_len by which
/// cpu_map_generic_redirect() would take the Ethernet header off (seen on Linux 6.12 and 6.18).
constexpr bool hands_to_cpus(XdpAttachment mode) {
    return mode != XdpAttachment::generic;
}

/// A target as people look at it.
struct TargetRow {
    std::uint32_t number = 0;
    Target target;
    std::string hindrance;  ///< why it cannot act right now; empty: it can
    std::size_t users = 0;  ///< listeners, flows and groups that name it
    contract::target_count count{};
};

/// By number.
Result<std::vector<TargetRow>> target_rows(const Instance& instance);

}  // namespace xdemux
