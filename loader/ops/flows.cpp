// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/flows.h>
#include <xdemux/ops/targets.h>

#include "lease_holders.h"

namespace xdemux {
namespace {

constexpr std::size_t progress_step = 8192;

FlowFacts new_flow(std::uint32_t target) {
    FlowFacts facts;
    facts.target = static_cast<std::uint16_t>(target);
    return facts;
}

/// With the line, where there is one.
Error located(const FlowLine& flow, const Error& error, const std::string& source) {
    if (flow.line == 0) return error;
    BatchErrors errors(source);
    errors.add(flow.line, error);
    return errors.error();
}

Error taken(std::span<const FlowLine> flows, std::size_t index) {
    const FlowLine& flow = flows[index];
    const std::string what = fmt::format("cannot add flow {}", flow.key.to_string());
    const auto before = flows.first(index);
    const auto twin =
        std::find_if(before.begin(), before.end(), [&](const auto& each) { return each.key == flow.key; });
    if (twin != before.end()) return {ErrorKind::in_use, fmt::format("{}: line {} has it already", what, twin->line)};
    return {ErrorKind::in_use, fmt::format("{}: address already in use by a flow; delete it first", what)};
}

Error missing(const FlowKey& key) {
    return {ErrorKind::not_found, fmt::format("no flow {}", key.to_string())};
}

void report(const FlowOptions& options, std::size_t done, std::size_t total) {
    if (options.progress && (done % progress_step == 0 || done == total)) options.progress(done, total);
}

Status validate(std::span<const FlowLine> flows, const std::string& source) {
    for (const auto& flow : flows) {
        if (auto valid = flow.key.validate(); !valid) return fail(located(flow, valid.error(), source));
    }
    return {};
}

using TargetNumbers = std::map<Target, std::uint32_t>;

/// The targets of all lines, without numbers.
TargetNumbers targets_of(std::span<const FlowLine> flows) {
    TargetNumbers targets;
    for (const auto& flow : flows)
        targets.emplace(flow.target, 0);
    return targets;
}

Status check_targets(const Instance& instance, const TargetNumbers& targets) {
    for (const auto& [target, number] : targets) {
        if (target.kind == TargetKind::socket)
            return fail(ErrorKind::usage, fmt::format("a flow cannot go to {}: the kernel finds connected sockets by "
                                                      "itself; use listener add",
                                                      target.to_string()));
        if (target.kind == TargetKind::reject) {
            if (auto possible = check_reject(instance); !possible) return possible;
        }
        if (const auto resolved = resolve_target(instance, target); !resolved) return fail(resolved.error());
    }
    return {};
}

Status number_targets(Instance& instance, TargetNumbers& targets) {
    for (auto& [target, number] : targets) {
        const auto claimed = claim_target(instance, target);
        if (!claimed) return fail(claimed.error());
        number = *claimed;
    }
    return {};
}

/// Targets of flows that are gone; the next change clears what is left.
void sweep_after(Instance& instance) {
    if (!instance.writable()) return;
    [[maybe_unused]] const Status best_effort = sweep_targets(instance);
}

Status check_absent(const Instance& instance, std::span<const FlowLine> flows, const std::string& source) {
    std::set<FlowKey> seen;
    for (std::size_t i = 0; i < flows.size(); ++i) {
        const auto found = instance.tables().flows.find(encode(flows[i].key));
        if (!found) return fail(found.error());
        if (*found || !seen.insert(flows[i].key).second) return fail(located(flows[i], taken(flows, i), source));
    }
    return {};
}

using ErasedFlows = std::vector<FlowTable::Item>;

/// Puts back what a deletion that broke off had erased. What another process has claimed meanwhile is that one's.
void put_back(const Tables& tables, const ErasedFlows& erased) {
    for (const auto& [key, facts] : erased) {
        [[maybe_unused]] const auto best_effort = tables.flows.claim(key, facts);
    }
}

/// Whether it is there and may be deleted.
Status check_deletable(const Instance& instance, const FlowKey& key, bool leases) {
    const auto found = instance.tables().flows.find(encode(key));
    if (!found) return fail(found.error());
    if (!*found) return fail(missing(key));
    if (leases || !is_lease(**found)) return {};
    return fail(leased(instance, fmt::format("cannot delete flow {}", key.to_string()), **found));
}

Status check_all_deletable(const Instance& instance, std::span<const FlowLine> flows, const FlowOptions& options) {
    std::set<FlowKey> seen;
    BatchErrors errors(options.source);
    for (const auto& flow : flows) {
        const bool again = !seen.insert(flow.key).second;
        const Status deletable =
            again ? Status(fail(missing(flow.key))) : check_deletable(instance, flow.key, options.leases);
        if (deletable) continue;
        if (flow.line == 0) return deletable;
        errors.add(flow.line, deletable.error());
    }
    return errors.empty() ? Status() : Status(fail(errors.error()));
}

Status erase_one(const Instance& instance, const FlowLine& flow, ErasedFlows& erased, const FlowOptions& options) {
    FlowTable::Item item{encode(flow.key), {}};
    const auto may_go = [&](const FlowFacts& facts) { return options.leases || !is_lease(facts); };
    const auto gone = instance.tables().flows.erase(item.key, may_go, &item.facts);
    if (!gone) return fail(gone.error());
    if (!*gone) {
        const auto why = check_deletable(instance, flow.key, options.leases);
        return fail(located(flow, why ? missing(flow.key) : why.error(), options.source));
    }
    erased.push_back(item);
    return {};
}

/// What add_flows() had inserted before it failed.
void take_back(const Tables& tables, std::span<const FlowLine> flows) {
    for (const auto& flow : flows) {
        [[maybe_unused]] const auto best_effort = tables.flows.erase(encode(flow.key));
    }
}

using OperatorFlows = std::map<FlowKey, Target>;
using FlowChange = std::function<void(OperatorFlows& after, const FlowLine& flow)>;

/// `change` does to the operators' flows what a line does to the table.
Status guard_flows(const Instance& instance, const std::optional<Safeguard>& safeguard, std::span<const FlowLine> flows,
                   const FlowChange& change) {
    if (!safeguard || safeguard->operators.empty()) return {};
    const auto before = rules_in_force(instance, *safeguard);
    if (!before) return fail(before.error());
    RulesInForce after = *before;
    for (const auto& flow : flows) {
        const bool is_operators = std::ranges::any_of(safeguard->operators, [&](const Connection& connection) {
            return flow.key == FlowKey{Proto::tcp, connection.local, connection.remote};
        });
        if (is_operators) change(after.flows, flow);
    }
    return check_operators(*before, after, *safeguard);
}

using Choice = std::function<bool(const contract::flow_key& key, const FlowFacts& facts)>;

/// The operators' flows that would go.
std::vector<FlowLine> operators_of(const Instance& instance, const std::optional<Safeguard>& safeguard,
                                   const Choice& choice) {
    std::vector<FlowLine> lines;
    for (const auto& [local, remote] : safeguard.value_or(Safeguard{}).operators) {
        const FlowKey key{Proto::tcp, local, remote};
        const auto facts = instance.tables().flows.find(encode(key));
        if (facts && *facts && choice(encode(key), **facts)) lines.push_back({0, key, {}});
    }
    return lines;
}

Result<std::size_t> erase_where(Instance& instance, const Choice& choice, bool dry_run,
                                const std::optional<Safeguard>& safeguard) {
    const auto take_from = [](OperatorFlows& after, const FlowLine& flow) { after.erase(flow.key); };
    const auto operators = operators_of(instance, safeguard, choice);
    if (auto safe = guard_flows(instance, safeguard, operators, take_from); !safe) return fail(std::move(safe.error()));
    const FlowTable& flows = instance.tables().flows;
    std::size_t count = 0;
    Status erased;
    const auto walked = flows.for_each([&](const FlowTable::Found& flow) {
        if (!choice(flow.key, flow.facts)) return true;
        if (dry_run) return ++count > 0;
        const auto gone = flows.erase(flow.key, [&](const FlowFacts& facts) { return choice(flow.key, facts); });
        if (!gone) erased = fail(gone.error());
        if (gone && *gone) ++count;
        return erased.has_value();
    });
    if (!walked) return fail(walked.error());
    if (!erased) return fail(erased.error());
    if (count != 0 && !dry_run) sweep_after(instance);
    return count;
}

/// None: it does not age.
std::optional<std::chrono::seconds> limit_of(const IdleLimits& limits, const contract::flow_key& key,
                                             const FlowFacts& facts) {
    switch (facts.state) {
        case contract::FLOW_ESTABLISHED:
        case contract::FLOW_STICKY:
            return key.proto == contract::PROTO_TCP ? limits.tcp : limits.udp;
        case contract::FLOW_TIME_WAIT:
        case contract::FLOW_QUARANTINE:
        case contract::FLOW_STICKY_ENDED:
            return limits.time_wait;
        case contract::FLOW_LEASED:
        case contract::FLOW_IN_USE:
            break;
    }
    return std::nullopt;
}

}  // namespace

Status add_flows(Instance& instance, std::span<const FlowLine> flows, const FlowOptions& options) {
    if (auto valid = validate(flows, options.source); !valid) return valid;
    TargetNumbers targets = targets_of(flows);
    if (auto possible = check_targets(instance, targets); !possible) return possible;
    const auto add_to = [](OperatorFlows& after, const FlowLine& flow) { after[flow.key] = flow.target; };
    if (auto safe = guard_flows(instance, options.safeguard, flows, add_to); !safe) return safe;
    if (options.dry_run) return check_absent(instance, flows, options.source);
    if (auto numbered = number_targets(instance, targets); !numbered) return numbered;
    const Tables& tables = instance.tables();
    std::vector<FlowTable::Item> items;
    for (std::size_t done = 0; done < flows.size(); done += items.size()) {
        items.clear();
        for (const auto& flow : flows.subspan(done, std::min(progress_step, flows.size() - done)))
            items.push_back({encode(flow.key), new_flow(targets.at(flow.target))});
        std::size_t inserted = 0;
        const Status all = tables.flows.claim_all(items, inserted);
        if (!all || inserted < items.size()) {
            const std::size_t failed = done + inserted;
            take_back(tables, flows.first(failed));
            sweep_after(instance);
            return fail(located(flows[failed], all ? taken(flows, failed) : all.error(), options.source));
        }
        report(options, done + inserted, flows.size());
    }
    return instance.keep();
}

Status add_flow(Instance& instance, const FlowKey& key, const Target& target, bool dry_run) {
    const FlowLine flow{0, key, target};
    FlowOptions options;
    options.dry_run = dry_run;
    return add_flows(instance, {&flow, 1}, options);
}

Status delete_flows(Instance& instance, std::span<const FlowLine> flows, const FlowOptions& options) {
    if (auto deletable = check_all_deletable(instance, flows, options); !deletable) return deletable;
    const auto take_from = [](OperatorFlows& after, const FlowLine& flow) { after.erase(flow.key); };
    if (auto safe = guard_flows(instance, options.safeguard, flows, take_from); !safe) return safe;
    if (options.dry_run) return {};
    ErasedFlows erased;
    erased.reserve(flows.size());
    for (const auto& flow : flows) {
        if (auto done = erase_one(instance, flow, erased, options); !done) {
            put_back(instance.tables(), erased);
            return done;
        }
        report(options, erased.size(), flows.size());
    }
    sweep_after(instance);
    return {};
}

Status delete_flow(Instance& instance, const FlowKey& key, bool dry_run) {
    const FlowLine flow{0, key, {}};
    FlowOptions options;
    options.dry_run = dry_run;
    return delete_flows(instance, {&flow, 1}, options);
}

Result<FlushedFlows> flush_flows(Instance& instance, const FlowOptions& options) {
    FlushedFlows flushed;
    const auto may_go = [&](const contract::flow_key&, const FlowFacts& facts) {
        return options.leases || !is_lease(facts);
    };
    // Counted before anything is gone: then nothing fails that is done.
    const auto walked = instance.tables().flows.for_each([&](const FlowTable::Found& flow) {
        flushed.leases_kept += !options.leases && is_lease(flow.facts) ? 1 : 0;
        return true;
    });
    if (!walked) return fail(walked.error());
    const auto erased = erase_where(instance, may_go, options.dry_run, options.safeguard);
    if (!erased) return fail(erased.error());
    flushed.erased = *erased;
    return flushed;
}

Result<std::size_t> expire_flows(Instance& instance, const IdleLimits& limits, bool dry_run,
                                 const std::optional<Safeguard>& safeguard) {
    const std::uint64_t now = coarse_now_ns();
    const auto is_idle = [&](const contract::flow_key& key, const FlowFacts& facts) {
        const auto limit = limit_of(limits, key, facts);
        const std::chrono::nanoseconds idle(now > facts.touched_ns ? now - facts.touched_ns : 0);
        return limit && *limit != std::chrono::seconds(0) && idle > *limit;
    };
    return erase_where(instance, is_idle, dry_run, safeguard);
}

Status for_each_flow(const Instance& instance, const std::function<bool(const Flow&)>& each) {
    const auto targets = read_targets(instance.tables());
    if (!targets) return fail(targets.error());
    Status decoded;
    auto walked = instance.tables().flows.for_each([&](const FlowTable::Found& found) {
        const auto flow = decode(found.key, found.facts, *targets);
        if (flow) return each(*flow);
        decoded = fail(flow.error());
        return false;
    });
    return decoded ? walked : decoded;
}

std::size_t count_flows(const Instance& instance) {
    return instance.tables().flows.size();
}

}  // namespace xdemux
