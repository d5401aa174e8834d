// SPDX-License-Identifier: BSD-2-Clause
// The inside of PortAllocator: a pool of ports for each protocol and local address, made anew when the register of
// owners changes. Private to this box.
//
// Two who meet: a lease is claimed first and the register looked at again after that; a block is put into the register
// first and the ledger looked at after that. So of a lease and a block on the same port one sees the other, and gives
// way.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <shared_mutex>
#include <utility>

#include <xdemux/ops/port_allocator.h>
#include <xdemux/policy/ephemeral_pool.h>

#include "port_quota.h"

namespace xdemux {

class PortAllocator::Impl {
  public:
    Impl(std::shared_ptr<LeaseLedger> ledger, std::shared_ptr<LeaseHost> host, PortAllocatorOptions options);

    /// Puts the owner into the register and keeps the range from the kernel.
    Status enter();

    Result<SocketAddress> lease(Proto proto, const Address& local, const SocketAddress& remote);
    Status release(Proto proto, const SocketAddress& local, const SocketAddress& remote);
    Result<PortBlock> lease_block(Proto proto, const Address& local, std::uint32_t count);
    Status release_block(const PortBlock& block);
    Result<std::size_t> sweep();
    Result<std::size_t> release_all();
    /// Makes the register what it was, where nothing that was leased stands.
    void withdraw();
    /// Whether the owner outlives this.
    [[nodiscard]] bool withdraws() const { return !options_.bound_to_process || options_.process; }

    [[nodiscard]] const PortAllocatorOptions& options() const { return options_; }
    [[nodiscard]] std::uint32_t owner() const { return owner_; }
    [[nodiscard]] PortRange range() const { return range_; }
    [[nodiscard]] Result<std::uint64_t> size() const { return count_leases(); }
    [[nodiscard]] std::size_t bytes() const;

  private:
    struct Source {
        std::unique_ptr<EphemeralPool> pool;  ///< none: no port is left
        std::uint64_t generation = 0;
    };
    using SourceKey = std::pair<Proto, Address>;
    struct Wanted {
        Proto proto;
        Address local;
        SocketAddress remote;
    };

    [[nodiscard]] std::shared_ptr<Source> known_source(const SourceKey& key) const;
    Result<std::shared_ptr<Source>> source(const SourceKey& key);
    Result<std::shared_ptr<Source>> make_source(const SourceKey& key);
    Result<PortSet> eligible(const SourceKey& key, const LeaseRegister& owners);
    Result<std::optional<std::uint16_t>> choose(const Source& source, const Wanted& wanted, bool reuse);
    Result<bool> claim(const FlowKey& key, bool reuse);
    Result<bool> stands(const Wanted& wanted, std::uint16_t port, std::uint64_t generation);
    Result<std::optional<std::uint16_t>> choose_again(const Wanted& wanted);
    Result<SocketAddress> claim_port(const Wanted& wanted);
    Result<PortBlock> claim_block(const SourceKey& key, std::uint32_t count);
    Result<std::size_t> free_due();
    void forget_owner();
    void note_standing(int more) {
        if (withdraws()) standing_.fetch_add(more, std::memory_order_relaxed);
    }
    [[nodiscard]] bool may_look_again(std::atomic<std::uint64_t>& looked_ns) const;
    [[nodiscard]] Result<std::uint64_t> count_leases() const;
    [[nodiscard]] Result<std::uint64_t> count_ports() const;
    [[nodiscard]] Error over_quota(std::size_t more) const;
    /// Runs `claim` with room for so many more ports, which are taken where it succeeds.
    template <typename Claim>
    auto within_quota(std::uint32_t more, const Claim& claim) -> decltype(claim()) {
        if (!quota_.has_room(more) && may_look_again(counted_ns_)) {
            if (auto counted = quota_.recount([&] { return count_ports(); }); !counted) return fail(counted.error());
        }
        const auto changing = quota_.changing();
        if (!quota_.take(more)) return fail(over_quota(more));
        auto claimed = claim();
        if (!claimed) quota_.give(more);
        if (claimed) note_standing(1);
        return claimed;
    }
    [[nodiscard]] Error exhausted(const Wanted& wanted) const;
    void forget(const Lease& lease);
    Status drop_block(const PortBlock& block);
    Result<PortSet> leased_ports(const SourceKey& key, bool of_others);
    Result<std::optional<PortRange>> find_run(const SourceKey& key, const LeaseRegister& owners, std::uint32_t count);

    std::shared_ptr<LeaseLedger> ledger_;
    std::shared_ptr<LeaseHost> host_;
    PortAllocatorOptions options_;
    std::uint32_t owner_ = 0;
    bool is_new_ = false;  ///< the owner was made by this
    /// The register before and after the owner was put into it.
    std::unique_ptr<const std::pair<LeaseRegister, LeaseRegister>> entered_;
    std::atomic<std::int64_t> standing_{0};  ///< leased by this and not free again; counted for withdraw() alone
    PortRange range_;
    SipKey secret_;
    std::shared_ptr<PortSelector> selector_;
    mutable std::shared_mutex mutex_;  ///< of sources_
    std::map<SourceKey, std::shared_ptr<Source>> sources_;
    PortQuota quota_;
    std::atomic<std::uint64_t> looked_again_ns_{0}, counted_ns_{0};  ///< when, the last time
};

}  // namespace xdemux
