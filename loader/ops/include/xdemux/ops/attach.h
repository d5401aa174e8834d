// SPDX-License-Identifier: BSD-2-Clause
// Interfaces on and off an instance. It changes links and, for a new instance, settings; never listeners or flows.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/kernel/link.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/safeguard.h>
#include <xdemux/policy/settings.h>

namespace xdemux {

enum class InterfaceState : std::uint8_t {
    attached,
    gone,       ///< the device was deleted; the next change clears what is left
    elsewhere,  ///< the device was moved to another network namespace, where the program still runs
};
/// "attached", "gone", "elsewhere".
std::string_view interface_state_name(InterfaceState state);

struct AttachedInterface {
    std::string dev;                               ///< its name now; "?" where the state is not `attached`
    std::uint32_t ifindex = 0;                     ///< as when it was attached
    XdpAttachment xdp_mode = XdpAttachment::none;  ///< native or generic; none where the state is not `attached`
    std::uint32_t prog_id = 0;
    InterfaceState state = InterfaceState::attached;
};

/// What is attached, by ifindex.
Result<std::vector<AttachedInterface>> attached_interfaces(const Instance& instance);

struct AttachRequest {
    std::vector<std::string> devices;  ///< names
    AttachMode mode = AttachMode::automatic;
    SettingsChange settings{};                      ///< of a new instance; of an existing one they must agree
    std::optional<std::uint32_t> flows{};           ///< capacity; as settings
    std::optional<std::uint32_t> listeners{};       ///< capacity; as settings
    std::optional<std::chrono::seconds> confirm{};  ///< only monitors after so long, unless confirmed
    std::optional<bool> shared_port_counters{};     ///< as InstanceOptions
    VerifierLog verifier_log{};
    bool dry_run = false;
    std::optional<Safeguard> safeguard{};  ///< none: whatever it cuts off
};

struct AttachReport {
    bool created = false;                         ///< the instance is new
    std::vector<AttachedInterface> interfaces{};  ///< those of the request, in its order
    std::uint64_t memory_bytes = 0;               ///< what the tables take, per-CPU ones times the possible CPUs
};

/// Attaches all devices or none; makes the instance where there is none. A device that is attached already in the same
/// mode is no error. Errors: `not_found` (unknown device), `in_use` (another XDP program, settings that differ, another
/// mode), `unsupported` (driver, no Ethernet header, VLAN offload with reject), `usage` (no device), `refused` (the
/// safeguard).
Result<AttachReport> attach(std::string_view instance, const AttachRequest& request);

/// Takes the devices off; all are checked first. ErrorKind::not_loaded for one that is not attached.
Status detach(Instance& instance, std::span<const std::string> devices, bool dry_run = false);
Status detach_all(Instance& instance, bool dry_run = false);

/// Whether `reject` could be answered rightly on the interface: not in native mode where the driver takes VLAN tags off
/// and VLAN devices sit above. ErrorKind::unsupported.
Status check_reject(const Interface& interface, XdpAttachment mode);
/// The same for all that are attached.
Status check_reject(const Instance& instance);

}  // namespace xdemux
