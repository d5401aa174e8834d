// SPDX-License-Identifier: BSD-2-Clause
// What an allocator of leases asks of the host around it: which ports are somebody's already, who lives, and the
// register of owners that all processes share. The real one works in the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <xdemux/base/error.h>
#include <xdemux/kernel/ephemeral_sysctl.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/lease_ledger.h>
#include <xdemux/policy/lease_owner.h>
#include <xdemux/policy/port_set.h>

namespace xdemux {

class LeaseHost {
  public:
    LeaseHost() = default;
    virtual ~LeaseHost() = default;
    LeaseHost(const LeaseHost&) = delete;
    LeaseHost& operator=(const LeaseHost&) = delete;

    virtual Result<bool> is_local(const Address& address) = 0;
    /// Ports of one protocol and address that listeners and sockets without a lease hold.
    virtual Result<PortSet> taken(Proto proto, const Address& local) = 0;
    [[nodiscard]] virtual bool lives(const ProcessId& process) = 0;
    /// The calling process.
    [[nodiscard]] virtual Result<ProcessId> self() = 0;
    /// What the kernel hands out by itself, and what it does not.
    virtual Result<EphemeralSettings> kernel_ports() = 0;

    virtual Result<LeaseRegister> read() = 0;
    /// One change at a time; what `change` leaves is in force when it returns without an error, reserved ports too.
    virtual Status change(const std::function<Status(LeaseRegister& owners)>& change) = 0;
    /// Grows with every change of the register.
    [[nodiscard]] virtual std::uint64_t generation() = 0;
};

/// Of an instance; the register is /run/xdemux/INSTANCE.leases.
Result<std::unique_ptr<LeaseHost>> host_of(std::shared_ptr<const Instance> instance);

/// A process that lives. ErrorKind::not_found.
Result<ProcessId> process_by_number(std::int32_t pid);

/// Where an instance ends: its register goes, and ports that were reserved for its leases are free for the kernel
/// again. Where it fails, all is as it was.
Status end_leases(std::string_view instance);
/// Where its network namespace is gone, and what was reserved there with it: its register goes.
Status forget_leases(std::string_view instance);

}  // namespace xdemux
