// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include <xdemux/ops/leases.h>

namespace xdemux {
namespace {

std::set<std::uint32_t> ids_of(const LeaseRegister& owners, std::string_view name) {
    std::set<std::uint32_t> ids;
    for (const LeaseOwner& owner : owners.owners)
        if (owner.name == name) ids.insert(owner.id);
    return ids;
}

void add_owner(LeaseRow& row, const LeaseOwner* owner) {
    if (owner == nullptr) return;
    row.owner = owner->name;
    if (owner->process) row.pid = owner->process->pid;
}

LeaseRow row_of(const Lease& lease, const LeaseRegister& owners, std::uint64_t now_ns) {
    const FlowKey& key = lease.key;
    LeaseRow row{key.proto, key.local.address, PortRange::one(key.local.port), key.remote, lease.facts.state};
    const LeaseOwner* owner = owners.find(lease.facts.owner);
    add_owner(row, owner);
    const bool alive = owner != nullptr && !owner->gone_ns;
    if (!alive && is_held(lease)) row.state = LeaseState::quarantine;
    row.target = lease.facts.target;
    const std::uint64_t idle = now_ns > lease.facts.touched_ns ? now_ns - lease.facts.touched_ns : 0;
    row.idle =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::nanoseconds(static_cast<std::int64_t>(idle)));
    return row;
}

std::vector<LeaseRow> blocks_of(const LeaseRegister& owners) {
    std::vector<LeaseRow> rows;
    for (const LeaseOwner& owner : owners.owners) {
        for (const PortBlock& block : owner.blocks) {
            LeaseRow row{block.proto, block.local, block.ports};
            row.state = owner.gone_ns ? LeaseState::quarantine : LeaseState::leased;
            add_owner(row, &owner);
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

/// Those who have nothing left are forgotten; the others are as good as gone. How many ports their blocks had.
Result<std::uint64_t> settle_owners(LeaseHost& host, const std::set<std::uint32_t>& ids,
                                    const std::set<std::uint32_t>& holding, std::uint64_t now_ns) {
    std::uint64_t block_ports = 0;
    const auto settled = host.change([&](LeaseRegister& owners) -> Status {
        for (LeaseOwner& owner : owners.owners) {
            if (!ids.contains(owner.id)) continue;
            block_ports += owner.block_ports();
            owner.blocks.clear();
            if (!owner.gone_ns) owner.gone_ns = now_ns;
        }
        std::erase_if(owners.owners,
                      [&](const LeaseOwner& owner) { return ids.contains(owner.id) && !holding.contains(owner.id); });
        if (owners.owners.empty()) owners.reserved = {};
        return {};
    });
    if (!settled) return fail(settled.error());
    return block_ports;
}

}  // namespace

Result<std::vector<LeaseRow>> read_leases(LeaseLedger& ledger, LeaseHost& host) {
    const auto owners = host.read();
    if (!owners) return fail(owners.error());
    std::vector<LeaseRow> rows = blocks_of(*owners);
    const std::uint64_t now = ledger.now_ns();
    const auto walked = ledger.for_each([&](const Lease& lease) {
        rows.push_back(row_of(lease, *owners, now));
        return true;
    });
    if (!walked) return fail(walked.error());
    const auto place = [](const LeaseRow& row) {
        return std::tuple(row.remote.has_value(), row.proto, row.local, row.ports.first, row.remote);
    };
    std::ranges::sort(rows, {}, place);
    return rows;
}

Result<GivenBack> give_back(LeaseLedger& ledger, const Lease& lease) {
    constexpr int attempts = 8;
    Lease now = lease;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const auto state = state_after_release(now);
        if (state == now.facts.state) return GivenBack{};
        const auto done = state ? ledger.change(now, *state) : ledger.erase(now);
        if (!done) return fail(done.error());
        if (*done) return GivenBack{!state, true};
        // A packet came meanwhile.
        const auto again = ledger.find(now.key);
        if (!again) return fail(again.error());
        if (!*again || (*again)->facts.owner != now.facts.owner) return GivenBack{true, false};
        now = **again;
    }
    return GivenBack{};
}

Error belongs_to_another(LeaseHost& host, const std::string& what, std::uint32_t holder, std::string_view owner) {
    const auto owners = host.read();
    const LeaseOwner* found = owners ? owners->find(holder) : nullptr;
    return {ErrorKind::in_use, fmt::format("cannot release {}: it belongs to {}, not to \"{}\"", what,
                                           found != nullptr ? found->describe() : "an owner that is gone", owner)};
}

Status release_lease(LeaseLedger& ledger, LeaseHost& host, const FlowKey& key, std::string_view owner) {
    const auto lease = ledger.find(key);
    if (!lease) return fail(lease.error());
    if (!*lease) return fail(ErrorKind::not_found, fmt::format("no lease {}", key.to_string()));
    const auto owners = host.read();
    if (!owners) return fail(owners.error());
    if (!ids_of(*owners, owner).contains((*lease)->facts.owner))
        return fail(belongs_to_another(host, key.to_string(), (*lease)->facts.owner, owner));
    const auto given = give_back(ledger, **lease);
    if (!given) return fail(given.error());
    return {};
}

Status release_block(LeaseHost& host, const PortBlock& block, std::string_view owner) {
    const std::string name =
        fmt::format("block {} {} {}", proto_name(block.proto), block.local.to_string(), block.ports.to_string());
    return host.change([&](LeaseRegister& owners) -> Status {
        for (LeaseOwner& each : owners.owners) {
            if (std::ranges::find(each.blocks, block) == each.blocks.end()) continue;
            if (each.name != owner)
                return fail(ErrorKind::in_use, fmt::format("cannot release {}: it belongs to {}, not to \"{}\"", name,
                                                           each.describe(), owner));
            std::erase(each.blocks, block);
            return {};
        }
        return fail(ErrorKind::not_found, fmt::format("no {}", name));
    });
}

namespace {

/// What was given back, to be taken again where the rest cannot be done.
class Returned {
  public:
    explicit Returned(LeaseLedger& ledger) : ledger_(ledger) {}

    void note(const Lease& lease, GivenBack given) {
        if (given.was_held) ++held_;
        if (!given.is_free) waiting_.push_back(lease);
        if (given.is_free && given.was_held) free_.push_back(lease);
    }
    [[nodiscard]] std::size_t count() const { return free_.size() + waiting_.size(); }
    [[nodiscard]] std::uint64_t held() const { return held_; }
    [[nodiscard]] const std::vector<Lease>& free() const { return free_; }
    [[nodiscard]] std::set<std::uint32_t> holding() const {
        std::set<std::uint32_t> owners;
        for (const Lease& lease : waiting_)
            owners.insert(lease.facts.owner);
        return owners;
    }
    void take_again() {
        for (const Lease& lease : free_)
            (void)ledger_.claim(lease.key, lease.facts);
        for (const Lease& lease : waiting_) {
            const auto now = ledger_.find(lease.key);
            if (now && *now && (*now)->facts.owner == lease.facts.owner) (void)ledger_.change(**now, lease.facts.state);
        }
    }

  private:
    LeaseLedger& ledger_;
    std::uint64_t held_ = 0;  ///< of them until now
    std::vector<Lease> free_;
    std::vector<Lease> waiting_;
};

}  // namespace

Result<Released> release_owners(LeaseLedger& ledger, LeaseHost& host, const std::set<std::uint32_t>& owners,
                                const std::function<void(const Lease&)>& freed) {
    Returned returned(ledger);
    Status done;
    const auto walked = ledger.for_each([&](const Lease& lease) {
        if (!owners.contains(lease.facts.owner)) return true;
        const auto given = give_back(ledger, lease);
        if (given) returned.note(lease, *given);
        if (!given) done = fail(given.error());
        return done.has_value();
    });
    if (done) done = walked;
    const auto block_ports = done ? settle_owners(host, owners, returned.holding(), ledger.now_ns())
                                  : Result<std::uint64_t>(fail(done.error()));
    if (!block_ports) {
        returned.take_again();
        return fail(block_ports.error());
    }
    for (const Lease& lease : returned.free())
        if (freed) freed(lease);
    return Released{returned.count(), *block_ports, returned.held() + *block_ports};
}

Result<Released> release_owner(LeaseLedger& ledger, LeaseHost& host, std::string_view owner) {
    const auto owners = host.read();
    if (!owners) return fail(owners.error());
    const auto ids = ids_of(*owners, owner);
    if (ids.empty()) return fail(ErrorKind::not_found, fmt::format("no leases of an owner \"{}\"", owner));
    return release_owners(ledger, host, ids);
}

}  // namespace xdemux
