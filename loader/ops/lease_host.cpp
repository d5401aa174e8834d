// SPDX-License-Identifier: BSD-2-Clause
#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/process_start.h>
#include <xdemux/kernel/sock_diag.h>
#include <xdemux/ops/lease_host.h>
#include <xdemux/ops/listeners.h>

#include "lease_holders.h"
#include "lease_register_file.h"

namespace xdemux {
namespace {

bool holds(const HostSocket& socket, Proto proto, const Address& local) {
    return socket.proto == proto && socket.local_port != 0 && socket.hears(local);
}

/// Reserves what the register names, and frees what it names no longer.
Status keep_from_kernel(const LeaseRegister& before, const LeaseRegister& after) {
    const auto kernel = read_ephemeral_settings();
    if (!kernel) return fail(kernel.error());
    PortSet add = after.reserved;
    add.remove(kernel->reserved);
    PortSet remove = before.reserved;
    remove.remove(after.reserved);
    if (add.empty() && remove.empty()) return {};
    return change_reserved_ports(add, remove);
}

class RealHost : public LeaseHost {
  public:
    RealHost(std::shared_ptr<const Instance> instance, LeaseRegisterFile file)
        : instance_(std::move(instance)), ledger_(ledger_of(instance_)), file_(std::move(file)) {}

    Result<bool> is_local(const Address& address) override {
        const auto route = route_to(address);
        if (!route) return fail(route.error());
        return route->kind == RouteKind::local;
    }

    Result<PortSet> taken(Proto proto, const Address& local) override {
        const auto listeners = read_listeners(*instance_);
        if (!listeners) return fail(listeners.error());
        PortSet ports;
        for (const auto& [id, listener] : listeners->listeners())
            if (holds_ports(listener, proto, local)) ports.add(listener.local.ports);
        if (auto added = add_sockets(proto, local, ports); !added) return fail(added.error());
        return ports;
    }

    // One that cannot be looked at (for want of descriptors, say) lives until the contrary is seen.
    bool lives(const ProcessId& process) override {
        const auto start = process_start(process.pid);
        return !start || *start == process.start;
    }
    Result<ProcessId> self() override { return process_by_number(::getpid()); }
    Result<EphemeralSettings> kernel_ports() override { return read_ephemeral_settings(); }

    Result<LeaseRegister> read() override { return file_.read(); }
    Status change(const std::function<Status(LeaseRegister& owners)>& change) override {
        return file_.change(change, keep_from_kernel);
    }
    std::uint64_t generation() override { return file_.generation(); }

  private:
    /// A socket of a lease is accounted for by the lease.
    Status add_sockets(Proto proto, const Address& local, PortSet& ports) {
        const auto sockets = host_sockets();
        if (!sockets) return fail(sockets.error());
        for (const HostSocket& socket : *sockets) {
            if (!holds(socket, proto, local)) continue;
            if (socket.remote_port != 0) {
                const auto lease =
                    ledger_->find({proto, {socket.local, socket.local_port}, {socket.remote, socket.remote_port}});
                if (!lease) return fail(lease.error());
                if (*lease) continue;
            }
            ports.add(PortRange::one(socket.local_port));
        }
        return {};
    }

    std::shared_ptr<const Instance> instance_;
    std::unique_ptr<LeaseLedger> ledger_;
    LeaseRegisterFile file_;
};

}  // namespace

Result<std::unique_ptr<LeaseHost>> host_of(std::shared_ptr<const Instance> instance) {
    auto file = LeaseRegisterFile::open(instance->name(), instance->settings().hash_key);
    if (!file) return fail(file.error());
    return std::make_unique<RealHost>(std::move(instance), std::move(*file));
}

Result<ProcessId> process_by_number(std::int32_t pid) {
    const auto start = process_start(pid);
    if (!start) return fail(start.error());
    if (*start) return ProcessId{pid, **start};
    return fail(ErrorKind::not_found, fmt::format("no process {}", pid));
}

Status end_leases(std::string_view instance) {
    return remove_lease_register(instance, keep_from_kernel);
}

Status forget_leases(std::string_view instance) {
    return remove_lease_register(instance, [](const LeaseRegister&, const LeaseRegister&) { return Status(); });
}

}  // namespace xdemux
