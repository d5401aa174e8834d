// SPDX-License-Identifier: BSD-2-Clause
// The leases of an instance from outside of their owners: who has which port, and giving back by name. Leasing is
// port_allocator.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/lease_host.h>
#include <xdemux/ops/lease_ledger.h>
#include <xdemux/policy/lease.h>
#include <xdemux/policy/lease_owner.h>

namespace xdemux {

/// A lease, or a block of ports.
struct LeaseRow {
    Proto proto = Proto::tcp;
    Address local;
    PortRange ports;                        ///< of a lease: one
    std::optional<SocketAddress> remote{};  ///< none: of a block
    LeaseState state = LeaseState::leased;
    std::string owner{};                         ///< empty: nobody knows any more
    std::optional<std::int32_t> pid{};           ///< of the owner, where it is bound to a process
    std::optional<Target> target{};              ///< none: of a block
    std::optional<std::chrono::seconds> idle{};  ///< since the claim or the last packet; none: of a block
};

/// Blocks first, then leases; by protocol, address, port and destination.
Result<std::vector<LeaseRow>> read_leases(LeaseLedger& ledger, LeaseHost& host);

/// Gives back one lease of an owner of that name: free at once where no packet was seen, else after TIME_WAIT. Errors:
/// `not_found`; `in_use` where it belongs to another.
Status release_lease(LeaseLedger& ledger, LeaseHost& host, const FlowKey& key, std::string_view owner);
Status release_block(LeaseHost& host, const PortBlock& block, std::string_view owner);

struct Released {
    std::size_t leases = 0;
    std::uint64_t block_ports = 0;
    std::uint64_t ports = 0;  ///< that a quota counted: of leases that were not closed before, and of blocks
};

/// All that the owners of that name have, blocks too. ErrorKind::not_found where there is none.
Result<Released> release_owner(LeaseLedger& ledger, LeaseHost& host, std::string_view owner);
/// The same of owners by number. `freed` is told each lease that is free now.
Result<Released> release_owners(LeaseLedger& ledger, LeaseHost& host, const std::set<std::uint32_t>& owners,
                                const std::function<void(const Lease&)>& freed = {});

struct GivenBack {
    bool is_free = false;   ///< its port
    bool was_held = false;  ///< leased or in use until this very call; of several at once that is so for one
};
/// Gives back one lease, whosever it is.
Result<GivenBack> give_back(LeaseLedger& ledger, const Lease& lease);

/// ErrorKind::in_use, naming who holds what another wants to release.
Error belongs_to_another(LeaseHost& host, const std::string& what, std::uint32_t holder, std::string_view owner);

}  // namespace xdemux
