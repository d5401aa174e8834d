// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <map>

#include <xdemux/ops/port_allocator.h>

namespace xdemux {
namespace {

/// Notes the owners whose process is gone, so that their quarantine begins.
Result<LeaseRegister> notice_gone(LeaseHost& host, std::uint64_t now) {
    auto owners = host.read();
    if (!owners) return owners;
    const auto newly_gone = [&](const LeaseOwner& owner) {
        return owner.process && !owner.gone_ns && !host.lives(*owner.process);
    };
    if (std::ranges::none_of(owners->owners, newly_gone)) return owners;
    const auto noted = host.change([&](LeaseRegister& changed) -> Status {
        for (LeaseOwner& owner : changed.owners)
            if (newly_gone(owner)) owner.gone_ns = now;
        return {};
    });
    if (!noted) return fail(noted.error());
    return host.read();
}

/// Of an owner that nobody knows of any more.
const LeaseOwner& nobody() {
    static const LeaseOwner owner = [] {
        LeaseOwner gone;
        gone.gone_ns = 1;
        return gone;
    }();
    return owner;
}

bool is_over(const LeaseOwner& owner, std::uint64_t now) {
    const auto quarantine = static_cast<std::uint64_t>(std::chrono::nanoseconds(owner.times.quarantine).count());
    return owner.gone_ns && now >= *owner.gone_ns + quarantine;
}

/// Owners that are gone for long and hold nothing; with the last one, what was kept from the kernel.
Status drop_owners(LeaseHost& host, const LeaseRegister& owners, const std::map<std::uint32_t, std::size_t>& held,
                   std::uint64_t now) {
    const auto done = [&](const LeaseOwner& owner) { return is_over(owner, now) && !held.contains(owner.id); };
    if (std::ranges::none_of(owners.owners, done)) return {};
    return host.change([&](LeaseRegister& changed) -> Status {
        std::erase_if(changed.owners, done);
        if (changed.owners.empty()) changed.reserved = {};
        return {};
    });
}

}  // namespace

Result<std::size_t> sweep_leases(LeaseLedger& ledger, LeaseHost& host, const std::function<void(const Lease&)>& freed) {
    const std::uint64_t now = ledger.now_ns();
    const auto owners = notice_gone(host, now);
    if (!owners) return fail(owners.error());
    std::map<std::uint32_t, std::size_t> held;
    std::size_t count = 0;
    Status trouble;
    const auto walked = ledger.for_each([&](const Lease& lease) {
        const LeaseOwner* found = owners->find(lease.facts.owner);
        const LeaseOwner& owner = found != nullptr ? *found : nobody();
        const bool due = is_due(lease, owner.times, owner.gone_ns, now);
        const auto erased = due ? ledger.erase(lease) : Result<bool>(false);
        if (!erased) trouble = fail(erased.error());
        if (erased && *erased) {
            ++count;
            if (freed) freed(lease);
        } else {
            ++held[lease.facts.owner];
        }
        return trouble.has_value();
    });
    if (!walked) return fail(walked.error());
    if (!trouble) return fail(trouble.error());
    if (auto dropped = drop_owners(host, *owners, held, now); !dropped) return fail(dropped.error());
    return count;
}

}  // namespace xdemux
