// SPDX-License-Identifier: BSD-2-Clause
#include "lease_holders.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/ops/lease_ledger.h>
#include <xdemux/policy/lease_owner.h>

#include "lease_register_file.h"

namespace xdemux {
namespace {

Result<LeaseRegister> owners_of(const Instance& instance) {
    return read_lease_register(instance.name(), instance.settings().hash_key);
}

std::string describe(const LeaseOwner* owner) {
    return owner != nullptr ? owner->describe() : "an owner that is gone";
}

Error taken(const Listener& listener, const std::string& what, const LeaseOwner* owner) {
    return {ErrorKind::in_use, fmt::format("cannot add listener {}: {} is leased to {}; release it first",
                                           listener.describe(), what, describe(owner))};
}

bool overlap(const PortRange& a, const PortRange& b) {
    return a.first <= b.last && b.first <= a.last;
}

Status check_blocks(const Listener& listener, const LeaseRegister& owners) {
    for (const LeaseOwner& owner : owners.owners) {
        for (const PortBlock& block : owner.blocks) {
            if (holds_ports(listener, block.proto, block.local) && overlap(listener.local.ports, block.ports))
                return fail(taken(listener, fmt::format("block {}", block.ports.to_string()), &owner));
        }
    }
    return {};
}

/// Whether its time is over, so that whoever leases next frees it.
bool is_over(const Lease& lease, const LeaseOwner* owner, std::uint64_t now_ns) {
    return owner != nullptr && is_due(lease, owner->times, owner->gone_ns, now_ns);
}

}  // namespace

bool is_lease(const FlowFacts& facts) {
    return facts.owner != 0 && facts.state != contract::FLOW_ESTABLISHED;
}

Error leased(const Instance& instance, const std::string& what, const FlowFacts& facts) {
    const auto owners = owners_of(instance);
    return {ErrorKind::in_use, fmt::format("{}: it is leased to {}; run xdemux ephemeral release, or use --force", what,
                                           describe(owners ? owners->find(facts.owner) : nullptr))};
}

bool holds_ports(const Listener& listener, Proto proto, const Address& local) {
    if (listener.proto != proto || listener.local.ports.is_all()) return false;
    return listener.scope() == Scope::dual || listener.local.prefix.contains(local);
}

Status check_leased_ports(const Instance& instance, std::span<const Listener> listeners) {
    const auto owners = owners_of(instance);
    if (!owners) return fail(owners.error());
    if (listeners.empty() || owners->owners.empty()) return {};
    for (const Listener& listener : listeners) {
        if (auto free = check_blocks(listener, *owners); !free) return free;
    }
    const std::uint64_t now = coarse_now_ns();
    Status free;
    // It does not keep the instance.
    const auto ledger = ledger_of(std::shared_ptr<const Instance>(std::shared_ptr<const Instance>(), &instance));
    const auto walked = ledger->for_each([&](const Lease& lease) {
        const SocketAddress& local = lease.key.local;
        const auto holder = std::ranges::find_if(listeners, [&](const Listener& listener) {
            return holds_ports(listener, lease.key.proto, local.address) &&
                   overlap(listener.local.ports, PortRange::one(local.port));
        });
        const LeaseOwner* owner = owners->find(lease.facts.owner);
        if (holder == listeners.end() || is_over(lease, owner, now)) return true;
        free = fail(taken(*holder, lease.key.to_string(), owner));
        return false;
    });
    return free ? walked : free;
}

}  // namespace xdemux
