// SPDX-License-Identifier: BSD-2-Clause
// Leases ports for outgoing connections: a 4-tuple for a destination, or a block of ports for all. What it gives out
// nobody else on this host gets, neither another allocator nor the kernel, until it is given back or its owner is gone
// and a quarantine over. Safe to be used by many threads at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/ops/lease_host.h>
#include <xdemux/ops/lease_ledger.h>
#include <xdemux/policy/lease.h>
#include <xdemux/policy/lease_owner.h>
#include <xdemux/policy/port_algorithm.h>

namespace xdemux {

struct PortAllocatorOptions {
    std::string owner = "xdemux";
    /// Ends with this process; else it lives until it is released, and a later one of the same name goes on with it.
    bool bound_to_process = true;
    std::optional<ProcessId> process{};  ///< another than this one; of meaning with bound_to_process
    /// Where ports are taken from; kept from the kernel. None: those above the kernel's own range.
    std::optional<PortRange> range{};
    PortAlgorithm algorithm = PortAlgorithm::permutation;
    Target target{};          ///< where packets of a lease go
    std::uint32_t quota = 0;  ///< most ports at once; 0: no limit
    LeaseTimes times{};
    bool reuse_time_wait = false;  ///< when nothing else is left, as RFC 6191 allows; the owner must use TCP timestamps
};

class PortAllocator {
  public:
    /// Makes no instance. Errors: as Instance::open(); `usage` (name, or a range that takes the kernel every port);
    /// `full` where there is no range left.
    static Result<PortAllocator> open(std::string_view instance, const PortAllocatorOptions& options = {});
    static Result<PortAllocator> open(std::shared_ptr<LeaseLedger> ledger, std::shared_ptr<LeaseHost> host,
                                      const PortAllocatorOptions& options);

    PortAllocator(PortAllocator&&) noexcept;
    PortAllocator& operator=(PortAllocator&&) noexcept;
    /// Gives everything back, where the owner is bound to this process. Another that leased nothing is forgotten.
    ~PortAllocator();

    /// A local port for a connection. Errors: `full` with the arithmetic when all are taken, or the quota is reached;
    /// `usage` where the address is not one of this host, or the families differ.
    Result<SocketAddress> lease(Proto proto, const Address& local, const SocketAddress& remote);
    /// Gives one back: free at once where no packet was seen, else after TIME_WAIT. Errors: `not_found`; `in_use` where
    /// it is another's.
    Status release(Proto proto, const SocketAddress& local, const SocketAddress& remote);

    /// So many ports in a row, whatever the destination. Errors as lease().
    Result<PortBlock> lease_block(Proto proto, const Address& local, std::uint32_t count);
    Status release_block(const PortBlock& block);

    /// Frees what is due, of all owners; how many.
    Result<std::size_t> sweep();
    /// Gives back all that this owner has; how many 4-tuples.
    Result<std::size_t> release_all();

    [[nodiscard]] std::uint32_t owner() const;
    [[nodiscard]] PortRange range() const;
    /// Leases of this owner that are neither given back nor closed; reads the whole ledger.
    [[nodiscard]] Result<std::uint64_t> size() const;
    /// Memory of this process beside the ledger.
    [[nodiscard]] std::size_t bytes() const;

  private:
    class Impl;
    explicit PortAllocator(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Frees what is due in a ledger: leases whose time is over or whose owner is gone, and owners that have none left;
/// with the last owner, the ports reserved for leases. How many leases. `freed` is told each.
Result<std::size_t> sweep_leases(LeaseLedger& ledger, LeaseHost& host,
                                 const std::function<void(const Lease&)>& freed = {});

}  // namespace xdemux
