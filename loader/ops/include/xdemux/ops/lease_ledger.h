// SPDX-License-Identifier: BSD-2-Clause
// Where leases stand, for all processes of the host: who claims a 4-tuple here has it. The one of an instance is its
// flow table, so a lease and a flow can never be the same 4-tuple twice. It decides nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/lease.h>

namespace xdemux {

/// Every call is atomic, across threads and processes.
class LeaseLedger {
  public:
    LeaseLedger() = default;
    virtual ~LeaseLedger() = default;
    LeaseLedger(const LeaseLedger&) = delete;
    LeaseLedger& operator=(const LeaseLedger&) = delete;

    /// false: the 4-tuple is there already, as a lease or a flow. ErrorKind::full where there is no room. The time of
    /// the facts is set by the ledger.
    virtual Result<bool> claim(const FlowKey& key, const LeaseFacts& facts) = 0;
    /// None where it is no lease.
    virtual Result<std::optional<Lease>> find(const FlowKey& key) = 0;
    /// false: it is no longer as expected.
    virtual Result<bool> erase(const Lease& expected) = 0;
    /// A lease of that owner that no packet has used; false: it is none, or no longer. Cheaper than find() and erase().
    virtual Result<bool> erase_unused(const FlowKey& key, std::uint32_t owner) = 0;
    virtual Result<bool> change(const Lease& expected, LeaseState state) = 0;
    /// Every lease, in no order, while others change them. `each` returns whether to go on, and may change the ledger.
    virtual Status for_each(const std::function<bool(const Lease&)>& each) = 0;
    /// The clock of LeaseFacts::touched_ns.
    [[nodiscard]] virtual std::uint64_t now_ns() const = 0;
};

/// The flow table of an instance, which it keeps open.
std::unique_ptr<LeaseLedger> ledger_of(std::shared_ptr<const Instance> instance);

}  // namespace xdemux
