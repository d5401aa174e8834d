// SPDX-License-Identifier: BSD-2-Clause
#include "port_allocator_impl.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <mutex>

#include <fmt/format.h>
#include <sys/random.h>

#include <xdemux/ops/leases.h>
#include <xdemux/policy/ephemeral_range.h>

namespace xdemux {
namespace {

/// How often a search begins anew where all seemed taken, or the ports of an owner are counted anew: either asks the
/// whole ledger.
constexpr std::uint64_t look_again_ns = 100'000'000;
constexpr int search_attempts = 4;

SipKey random_key() {
    SipKey key;
    while (::getrandom(&key, sizeof key, 0) != sizeof key) {
    }
    return key;
}

/// Those above the kernel's own, which it never hands out, where there are enough.
Result<PortRange> default_range(const PortRange& kernel) {
    constexpr std::uint32_t enough = 1024, last = 65'535;
    if (last - kernel.last >= enough) return PortRange{static_cast<std::uint16_t>(kernel.last + 1), last};
    return fail(ErrorKind::full, fmt::format("no ports are left for leases beside the kernel's own, {}; name a range, "
                                             "which is then kept from the kernel, or set it another one",
                                             kernel.to_string()));
}

Status check_range(const PortRange& range, const EphemeralSettings& kernel) {
    PortSet left;
    left.add(kernel.range);
    left.remove(kernel.reserved);
    left.remove(range);
    if (!left.empty()) return {};
    return fail(ErrorKind::usage,
                fmt::format("range {} takes the kernel every port of its own, {}: no connection could "
                            "be made without a lease; use a smaller one",
                            range.to_string(), kernel.range.to_string()));
}

LeaseOwner& owner_record(LeaseRegister& owners, const PortAllocatorOptions& options,
                         const std::optional<ProcessId>& process) {
    if (!process) {
        const auto same = std::ranges::find_if(
            owners.owners, [&](const LeaseOwner& owner) { return !owner.process && owner.name == options.owner; });
        if (same != owners.owners.end()) {
            same->gone_ns.reset();
            return *same;
        }
    }
    LeaseOwner owner;
    owner.id = owners.next_id++;
    owner.name = options.owner;
    owner.process = process;
    return owners.owners.emplace_back(std::move(owner));
}

}  // namespace

PortAllocator::Impl::Impl(std::shared_ptr<LeaseLedger> ledger, std::shared_ptr<LeaseHost> host,
                          PortAllocatorOptions options)
    : ledger_(std::move(ledger)),
      host_(std::move(host)),
      options_(std::move(options)),
      secret_(random_key()),
      selector_(std::make_shared<PortSelector>(options_.algorithm, random_key())),
      quota_(options_.quota) {}

Status PortAllocator::Impl::enter() {
    if (auto right = check_owner_name(options_.owner); !right) return right;
    if (auto right = check_times(options_.times); !right) return right;
    const auto kernel = host_->kernel_ports();
    if (!kernel) return fail(kernel.error());
    const auto range = options_.range ? Result<PortRange>(*options_.range) : default_range(kernel->range);
    if (!range) return fail(range.error());
    if (auto right = check_range(*range, *kernel); !right) return right;
    range_ = *range;
    return host_->change([&](LeaseRegister& owners) -> Status {
        std::optional<ProcessId> process;
        if (options_.bound_to_process) {
            const auto owning = options_.process ? Result<ProcessId>(*options_.process) : host_->self();
            if (!owning) return fail(owning.error());
            process = *owning;
        }
        const LeaseRegister before = owners;
        LeaseOwner& owner = owner_record(owners, options_, process);
        is_new_ = owners.owners.size() != before.owners.size();
        owner.quota = options_.quota;
        owner.times = options_.times;
        owner_ = owner.id;
        PortSet fresh;
        fresh.add(range_);
        fresh.remove(kernel->reserved);
        owners.reserved.add(fresh);
        entered_ = std::make_unique<const std::pair<LeaseRegister, LeaseRegister>>(before, owners);
        if (is_new_) return {};
        // What it has from former processes.
        return quota_.recount(
            [&] { return count_leases().map([&](std::uint64_t leases) { return leases + owner.block_ports(); }); });
    });
}

Result<std::uint64_t> PortAllocator::Impl::count_leases() const {
    std::uint64_t leases = 0;
    const auto walked = ledger_->for_each([&](const Lease& lease) {
        if (lease.facts.owner == owner_ && is_held(lease)) ++leases;
        return true;
    });
    if (!walked) return fail(walked.error());
    return leases;
}

Result<std::uint64_t> PortAllocator::Impl::count_ports() const {
    const auto owners = host_->read();
    if (!owners) return fail(owners.error());
    const LeaseOwner* const owner = owners->find(owner_);
    const auto leases = count_leases();
    if (!leases) return leases;
    return *leases + (owner != nullptr ? owner->block_ports() : 0);
}

Result<PortSet> PortAllocator::Impl::eligible(const SourceKey& key, const LeaseRegister& owners) {
    const auto& [proto, local] = key;
    const auto here = host_->is_local(local);
    if (!here) return fail(here.error());
    if (!*here) return fail(ErrorKind::usage, fmt::format("{} is not an address of this host", local.to_string()));
    const auto kernel = host_->kernel_ports();
    if (!kernel) return fail(kernel.error());
    const auto taken = host_->taken(proto, local);
    if (!taken) return fail(taken.error());
    PortSet of_others = kernel->reserved;
    of_others.remove(owners.reserved);
    PortSet ports;
    ports.add(range_);
    ports.remove(of_others);
    ports.remove(*taken);
    for (const LeaseOwner& owner : owners.owners)
        for (const PortBlock& block : owner.blocks)
            if (block.proto == proto && block.local == local) ports.remove(block.ports);
    return ports;
}

Result<std::shared_ptr<PortAllocator::Impl::Source>> PortAllocator::Impl::make_source(const SourceKey& key) {
    auto made = std::make_shared<Source>();
    made->generation = host_->generation();
    const auto owners = host_->read();
    if (!owners) return fail(owners.error());
    const auto ports = eligible(key, *owners);
    if (!ports) return fail(ports.error());
    const auto& [proto, local] = key;
    if (!ports->empty()) {
        const SipKey own = derive_key(secret_, siphash(secret_, local.bytes()) + static_cast<std::uint64_t>(proto));
        made->pool = std::make_unique<EphemeralPool>(std::make_shared<const std::vector<std::uint16_t>>(ports->list()),
                                                     selector_, own);
    }
    const std::unique_lock lock(mutex_);
    sources_[key] = made;
    return made;
}

std::shared_ptr<PortAllocator::Impl::Source> PortAllocator::Impl::known_source(const SourceKey& key) const {
    const std::shared_lock lock(mutex_);
    const auto found = sources_.find(key);
    return found == sources_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<PortAllocator::Impl::Source>> PortAllocator::Impl::source(const SourceKey& key) {
    auto known = known_source(key);
    if (known && known->generation == host_->generation()) return known;
    return make_source(key);
}

Result<bool> PortAllocator::Impl::claim(const FlowKey& key, bool reuse) {
    const LeaseFacts facts{LeaseState::leased, owner_, 0, options_.target};
    auto claimed = ledger_->claim(key, facts);
    if (!claimed || *claimed || !reuse) return claimed;
    const auto there = ledger_->find(key);
    if (!there) return fail(there.error());
    if (!*there || !may_reuse_time_wait(**there, ledger_->now_ns())) return false;
    const auto erased = ledger_->erase(**there);
    if (!erased || !*erased) return erased;
    return ledger_->claim(key, facts);
}

Result<std::optional<std::uint16_t>> PortAllocator::Impl::choose(const Source& source, const Wanted& wanted,
                                                                 bool reuse) {
    if (!source.pool) return std::optional<std::uint16_t>();
    // A reference fits into a std::function, so that it asks for no memory.
    const auto claims = [&](std::uint16_t port) {
        return claim({wanted.proto, {wanted.local, port}, wanted.remote}, reuse);
    };
    const auto choice = source.pool->allocate(wanted.remote, std::ref(claims));
    if (!choice) return fail(choice.error());
    return choice->port;
}

/// Whether no block of another, and no listener, has come over the port meanwhile; where one has, the claim is taken
/// back.
Result<bool> PortAllocator::Impl::stands(const Wanted& wanted, std::uint16_t port, std::uint64_t generation) {
    if (host_->generation() == generation) return true;
    const auto owners = host_->read();
    if (!owners) return fail(owners.error());
    const auto taken = host_->taken(wanted.proto, wanted.local);
    if (!taken) return fail(taken.error());
    const PortRange here = PortRange::one(port);
    if (owners->block_at(wanted.proto, wanted.local, here, 0) == nullptr && taken->count(here) == 0) return true;
    const auto mine = ledger_->find({wanted.proto, {wanted.local, port}, wanted.remote});
    if (!mine) return fail(mine.error());
    if (*mine) {
        if (const auto erased = ledger_->erase(**mine); !erased) return fail(erased.error());
    }
    return false;
}

bool PortAllocator::Impl::may_look_again(std::atomic<std::uint64_t>& looked_ns) const {
    const std::uint64_t now = ledger_->now_ns();
    std::uint64_t before = looked_ns;
    return (before == 0 || now >= before + look_again_ns) && looked_ns.compare_exchange_strong(before, now);
}

/// Where all seemed taken: frees what is due, and asks for each port again.
Result<std::optional<std::uint16_t>> PortAllocator::Impl::choose_again(const Wanted& wanted) {
    if (!may_look_again(looked_again_ns_)) return std::optional<std::uint16_t>();
    if (const auto swept = free_due(); !swept) return fail(swept.error());
    const auto anew = make_source({wanted.proto, wanted.local});
    if (!anew) return fail(anew.error());
    return choose(**anew, wanted, options_.reuse_time_wait);
}

Error PortAllocator::Impl::over_quota(std::size_t more) const {
    return {ErrorKind::full, fmt::format("owner \"{}\" has {} ports and a quota of {}: no room for {}; give some back, "
                                         "or raise the quota",
                                         options_.owner, quota_.taken(), quota_.most(), more)};
}

Error PortAllocator::Impl::exhausted(const Wanted& wanted) const {
    const auto known = known_source({wanted.proto, wanted.local});
    const std::size_t ports = known && known->pool ? known->pool->size() : 0;
    const bool gave_up = ports != 0 && known->pool->taken(wanted.remote) < ports;
    return {
        ErrorKind::full,
        fmt::format("no port of {} is left for {} from {} to {}: {}; {}; lease from more addresses or a wider range, "
                    "or allow to reuse TIME_WAIT",
                    range_.to_string(), proto_name(wanted.proto), wanted.local.to_string(), wanted.remote.to_string(),
                    gave_up ? fmt::format("{} gave up though some of {} ports are free",
                                          info_of(options_.algorithm).name, ports)
                            : fmt::format("all {} are taken", ports),
                    describe_sustainable(ports, options_.times.time_wait_tcp))};
}

Result<SocketAddress> PortAllocator::Impl::lease(Proto proto, const Address& local, const SocketAddress& remote) {
    const Wanted wanted{proto, local, remote};
    if (const auto right = FlowKey{proto, {local, 1}, remote}.validate(); !right) return fail(right.error());
    return within_quota(1, [&] { return claim_port(wanted); });
}

Result<SocketAddress> PortAllocator::Impl::claim_port(const Wanted& wanted) {
    const auto& [proto, local, remote] = wanted;
    for (int attempt = 0; attempt < search_attempts; ++attempt) {
        const auto from = source({proto, local});
        if (!from) return fail(from.error());
        auto port = choose(**from, wanted, false);
        if (port && !*port) port = choose_again(wanted);
        if (!port) return fail(port.error());
        if (!*port) break;
        const auto stays = stands(wanted, **port, (*from)->generation);
        if (!stays) {
            (void)ledger_->erase_unused({proto, {local, **port}, remote}, owner_);
            return fail(stays.error());
        }
        if (!*stays) continue;
        return SocketAddress{local, **port};
    }
    return fail(exhausted(wanted));
}

void PortAllocator::Impl::forget(const Lease& lease) {
    const auto known = known_source({lease.key.proto, lease.key.local.address});
    if (known && known->pool) known->pool->release(lease.key.remote, lease.key.local.port);
}

Status PortAllocator::Impl::release(Proto proto, const SocketAddress& local, const SocketAddress& remote) {
    const FlowKey key{proto, local, remote};
    const auto changing = quota_.changing();
    const auto unused = ledger_->erase_unused(key, owner_);
    if (!unused) return fail(unused.error());
    if (*unused) {
        forget({key, {}});
        quota_.give(1);
        note_standing(-1);
        return {};
    }
    const auto lease = ledger_->find(key);
    if (!lease) return fail(lease.error());
    if (!*lease) return fail(ErrorKind::not_found, fmt::format("no lease {}", key.to_string()));
    if ((*lease)->facts.owner != owner_)
        return fail(belongs_to_another(*host_, key.to_string(), (*lease)->facts.owner, options_.owner));
    const auto given = give_back(*ledger_, **lease);
    if (!given) return fail(given.error());
    if (given->is_free) forget(**lease);
    if (given->was_held) quota_.give(1);
    if (given->was_held && given->is_free) note_standing(-1);
    return {};
}

Result<std::size_t> PortAllocator::Impl::sweep() {
    const auto changing = quota_.changing();
    return free_due();
}

Result<std::size_t> PortAllocator::Impl::free_due() {
    return sweep_leases(*ledger_, *host_, [&](const Lease& lease) {
        forget(lease);
        if (lease.facts.owner == owner_ && is_held(lease)) quota_.give(1);
    });
}

Result<std::size_t> PortAllocator::Impl::release_all() {
    const auto changing = quota_.changing();
    const auto released = release_owners(*ledger_, *host_, {owner_}, [&](const Lease& lease) { forget(lease); });
    if (!released) return fail(released.error());
    quota_.give(released->ports);
    return released->leases;
}

// Whoever changed the register since may count on the ports that this had kept from the kernel.
void PortAllocator::Impl::withdraw() {
    bool is_undone = false;
    if (standing_ == 0) {
        (void)host_->change([&](LeaseRegister& owners) -> Status {
            is_undone = owners == entered_->second;
            if (is_undone) owners = entered_->first;
            return {};
        });
    }
    if (is_new_ && !is_undone) forget_owner();
}

/// Unless it has something.
void PortAllocator::Impl::forget_owner() {
    bool holds = false;
    const auto walked = ledger_->for_each([&](const Lease& lease) {
        holds = lease.facts.owner == owner_;
        return !holds;
    });
    if (!walked || holds) return;
    (void)host_->change([&](LeaseRegister& owners) -> Status {
        std::erase_if(owners.owners,
                      [&](const LeaseOwner& owner) { return owner.id == owner_ && owner.blocks.empty(); });
        if (owners.owners.empty()) owners.reserved = {};
        return {};
    });
}

std::size_t PortAllocator::Impl::bytes() const {
    const std::shared_lock lock(mutex_);
    std::size_t bytes = sizeof *this;
    for (const auto& [key, source] : sources_)
        bytes += source->pool ? source->pool->bytes() : 0;
    return bytes;
}

}  // namespace xdemux
