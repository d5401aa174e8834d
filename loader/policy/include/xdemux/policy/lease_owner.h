// SPDX-License-Identifier: BSD-2-Clause
// Who holds leases: a register of owners, each with a number that its leases carry, and of the blocks of ports that are
// theirs whatever the destination. Values and their text; where the register is kept is no matter here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/address.h>
#include <xdemux/policy/lease.h>
#include <xdemux/policy/port_set.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

/// A process, told from a later one of the same number by when it began.
struct ProcessId {
    std::int32_t pid = 0;
    std::uint64_t start = 0;  ///< clock ticks since boot, field 22 of /proc/PID/stat

    friend constexpr bool operator==(const ProcessId&, const ProcessId&) = default;
};

/// Ports of one owner, towards all destinations.
struct PortBlock {
    Proto proto = Proto::tcp;
    Address local;
    PortRange ports;

    friend constexpr bool operator==(const PortBlock&, const PortBlock&) = default;
};

struct LeaseOwner {
    std::uint32_t id = 0;  ///< 1 and up
    std::string name;
    std::optional<ProcessId> process;  ///< none: it lives until it is released
    std::uint32_t quota = 0;           ///< most leases, each port of a block among them; 0: no limit
    LeaseTimes times;
    std::optional<std::uint64_t> gone_ns;  ///< since when the process is known to be gone; CLOCK_MONOTONIC
    std::vector<PortBlock> blocks;

    /// "crawler (4711)"
    [[nodiscard]] std::string describe() const;
    /// Ports of its blocks.
    [[nodiscard]] std::size_t block_ports() const;

    friend bool operator==(const LeaseOwner&, const LeaseOwner&) = default;
};

/// ErrorKind::usage where a name is empty, longer than 31 bytes, or has a character outside [A-Za-z0-9._-].
Status check_owner_name(std::string_view name);

struct LeaseRegister {
    std::uint64_t table = 0;  ///< which flow table its numbers stand in; of another one there are no leases
    std::uint32_t next_id = 1;
    PortSet reserved;  ///< ports kept from the kernel for leases, which were not reserved before
    std::vector<LeaseOwner> owners;

    [[nodiscard]] const LeaseOwner* find(std::uint32_t id) const;
    [[nodiscard]] LeaseOwner* find(std::uint32_t id);
    /// The block of another than `owner` that holds one of these ports; nullptr where there is none.
    [[nodiscard]] const PortBlock* block_at(Proto proto, const Address& local, const PortRange& ports,
                                            std::uint32_t owner) const;

    friend bool operator==(const LeaseRegister&, const LeaseRegister&) = default;
};

std::string to_text(const LeaseRegister& owners);
/// None where it is no such text.
std::optional<LeaseRegister> parse_lease_register(const std::string& text);

}  // namespace xdemux
