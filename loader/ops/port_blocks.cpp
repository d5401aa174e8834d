// SPDX-License-Identifier: BSD-2-Clause
// Blocks of ports: the part of the allocator that knows the register instead of the ledger.
#include <algorithm>

#include <fmt/format.h>

#include "port_allocator_impl.h"

namespace xdemux {

/// Of a protocol and address, whatever the destination.
Result<PortSet> PortAllocator::Impl::leased_ports(const SourceKey& key, bool of_others) {
    PortSet ports;
    const auto walked = ledger_->for_each([&](const Lease& lease) {
        const bool counts = !of_others || lease.facts.owner != owner_;
        if (counts && lease.key.proto == key.first && lease.key.local.address == key.second)
            ports.add(PortRange::one(lease.key.local.port));
        return true;
    });
    if (!walked) return fail(walked.error());
    return ports;
}

/// One of the places where so many free ports are in a row, each alike.
Result<std::optional<PortRange>> PortAllocator::Impl::find_run(const SourceKey& key, const LeaseRegister& owners,
                                                               std::uint32_t count) {
    auto free = eligible(key, owners);
    if (!free) return fail(free.error());
    const auto leased = leased_ports(key, false);
    if (!leased) return fail(leased.error());
    free->remove(*leased);
    std::vector<std::uint16_t> starts;
    for (const PortRange& run : free->ranges()) {
        for (std::uint32_t first = run.first; first + count - 1 <= run.last; ++first)
            starts.push_back(static_cast<std::uint16_t>(first));
    }
    if (starts.empty()) return std::optional<PortRange>();
    const std::uint16_t first = starts[scale(selector_->random(), static_cast<std::uint32_t>(starts.size()))];
    return PortRange{first, static_cast<std::uint16_t>(first + count - 1)};
}

Result<PortBlock> PortAllocator::Impl::lease_block(Proto proto, const Address& local, std::uint32_t count) {
    const auto most = static_cast<std::uint32_t>(range_.last - range_.first) + 1;
    if (count == 0 || count > most)
        return fail(ErrorKind::usage, fmt::format("a block of {} ports is outside 1-{}", count, most));
    return within_quota(count, [&] { return claim_block({proto, local}, count); });
}

Result<PortBlock> PortAllocator::Impl::claim_block(const SourceKey& key, std::uint32_t count) {
    constexpr int attempts = 4;
    const Proto proto = key.first;
    const Address& local = key.second;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        PortBlock block{proto, local, {}};
        const auto put = host_->change([&](LeaseRegister& owners) -> Status {
            const auto run = find_run(key, owners, count);
            if (!run) return fail(run.error());
            LeaseOwner* owner = owners.find(owner_);
            if (!*run || owner == nullptr)
                return fail(ErrorKind::full,
                            fmt::format("no {} ports in a row are free in {} at {} {}; ask for fewer, or "
                                        "use a wider range",
                                        count, range_.to_string(), proto_name(proto), local.to_string()));
            block.ports = **run;
            owner->blocks.push_back(block);
            return {};
        });
        if (!put) return fail(put.error());
        const auto leased = leased_ports(key, true);
        if (!leased) {
            (void)drop_block(block);
            return fail(leased.error());
        }
        if (leased->count(block.ports) == 0) return block;
        if (auto back = drop_block(block); !back) return fail(back.error());
    }
    return fail(ErrorKind::in_use, "others lease the ports as fast as a block of them is looked for; try again");
}

Status PortAllocator::Impl::release_block(const PortBlock& block) {
    const auto changing = quota_.changing();
    auto dropped = drop_block(block);
    if (!dropped) return dropped;
    quota_.give(static_cast<std::uint64_t>(block.ports.last - block.ports.first) + 1);
    note_standing(-1);
    return dropped;
}

Status PortAllocator::Impl::drop_block(const PortBlock& block) {
    return host_->change([&](LeaseRegister& owners) -> Status {
        LeaseOwner* owner = owners.find(owner_);
        if (owner != nullptr && std::erase(owner->blocks, block) != 0) return {};
        const PortBlock* others = owners.block_at(block.proto, block.local, block.ports, owner_);
        const std::string name =
            fmt::format("block {} {} {}", proto_name(block.proto), block.local.to_string(), block.ports.to_string());
        if (others != nullptr && *others == block)
            return fail(ErrorKind::in_use, fmt::format("cannot release {}: it belongs to another owner", name));
        return fail(ErrorKind::not_found, fmt::format("no {} of owner \"{}\"", name, options_.owner));
    });
}

}  // namespace xdemux
