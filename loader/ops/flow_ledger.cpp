// SPDX-License-Identifier: BSD-2-Clause
// The flow table of an instance as a ledger of leases.
#include <fmt/format.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/flow_table.h>
#include <xdemux/ops/lease_ledger.h>
#include <xdemux/ops/targets.h>

namespace xdemux {
namespace {

contract::flow_state encode(LeaseState state) {
    switch (state) {
        case LeaseState::leased:
            return contract::FLOW_LEASED;
        case LeaseState::in_use:
            return contract::FLOW_IN_USE;
        case LeaseState::time_wait:
            return contract::FLOW_TIME_WAIT;
        case LeaseState::quarantine:
            break;
    }
    return contract::FLOW_QUARANTINE;
}

/// None of what is no lease.
std::optional<LeaseState> lease_state_of(contract::flow_state state) {
    switch (state) {
        case contract::FLOW_LEASED:
            return LeaseState::leased;
        case contract::FLOW_IN_USE:
            return LeaseState::in_use;
        case contract::FLOW_TIME_WAIT:
            return LeaseState::time_wait;
        case contract::FLOW_QUARANTINE:
            return LeaseState::quarantine;
        case contract::FLOW_ESTABLISHED:
        case contract::FLOW_STICKY:
        case contract::FLOW_STICKY_ENDED:
            break;
    }
    return std::nullopt;
}

class FlowLedger : public LeaseLedger {
  public:
    explicit FlowLedger(std::shared_ptr<const Instance> instance) : instance_(std::move(instance)) {}

    Result<bool> claim(const FlowKey& key, const LeaseFacts& facts) override {
        const auto number = number_of(facts.target);
        if (!number) return fail(number.error());
        FlowFacts flow;
        flow.target = static_cast<std::uint16_t>(*number);
        flow.state = encode(facts.state);
        flow.owner = facts.owner;
        const auto claimed = table().claim(xdemux::encode(key), flow);
        if (!claimed) return fail(claimed.error());
        return *claimed == FlowTable::Claim::inserted;
    }

    Result<std::optional<Lease>> find(const FlowKey& key) override {
        const auto found = table().find(xdemux::encode(key));
        if (!found) return fail(found.error());
        return *found ? lease_of(key, **found) : std::nullopt;
    }

    Result<bool> erase(const Lease& expected) override {
        return table().erase(xdemux::encode(expected.key), [&](const FlowFacts& facts) {
            const auto lease = lease_of(expected.key, facts);
            return lease && lease->facts == expected.facts;
        });
    }

    Result<bool> erase_unused(const FlowKey& key, std::uint32_t owner) override {
        return table().erase(xdemux::encode(key), [&](const FlowFacts& facts) {
            return facts.state == contract::FLOW_LEASED && facts.owner == owner;
        });
    }

    Result<bool> change(const Lease& expected, LeaseState state) override {
        const auto number = number_of(expected.facts.target);
        if (!number) return fail(number.error());
        FlowFacts from;
        from.target = static_cast<std::uint16_t>(*number);
        from.state = encode(expected.facts.state);
        from.owner = expected.facts.owner;
        return table().change(xdemux::encode(expected.key), from, from.target, encode(state));
    }

    Status for_each(const std::function<bool(const Lease&)>& each) override {
        return table().for_each([&](const FlowTable::Found& found) {
            const auto lease = lease_of(decode(found.key), found.facts);
            return lease ? each(*lease) : true;
        });
    }

    std::uint64_t now_ns() const override { return coarse_now_ns(); }

  private:
    /// Asked of the tables each time, where it is not simple: a target that nothing names is cleared.
    [[nodiscard]] Result<std::uint32_t> number_of(const Target& target) const {
        if (is_simple(target.kind)) return TargetTable::number_of(target.kind);
        const auto targets = read_targets(instance_->tables());
        if (!targets) return fail(targets.error());
        const auto number = targets->number_of(target);
        if (number) return *number;
        return fail(ErrorKind::not_found, fmt::format("target {} is no more; lease anew", target.to_string()));
    }

    [[nodiscard]] Target target_of(std::uint32_t number) const {
        const bool steers = number >= TargetTable::first_number;
        const auto targets = steers ? read_targets(instance_->tables()) : Result<TargetTable>(TargetTable());
        return targets.value_or(TargetTable()).find(number).value_or(Target{});
    }

    [[nodiscard]] std::optional<Lease> lease_of(const FlowKey& key, const FlowFacts& facts) const {
        const auto state = lease_state_of(facts.state);
        if (!state || facts.owner == 0) return std::nullopt;
        return Lease{key, {*state, facts.owner, facts.touched_ns, target_of(facts.target)}};
    }

    [[nodiscard]] const FlowTable& table() const { return instance_->tables().flows; }

    std::shared_ptr<const Instance> instance_;
};

}  // namespace

std::unique_ptr<LeaseLedger> ledger_of(std::shared_ptr<const Instance> instance) {
    return std::make_unique<FlowLedger>(std::move(instance));
}

}  // namespace xdemux
