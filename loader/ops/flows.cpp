// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <atomic>
#include <cassert>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/flows.h>

namespace xdemux {
namespace {

constexpr std::size_t progress_step = 8192;

/// The slot tells the data path whether to look for flows at all, so it counts before the first is there and until
/// after the last is gone.
std::atomic_ref<std::uint32_t> flow_count(const Tables& tables, const FlowKey& key) {
    return std::atomic_ref<std::uint32_t>(tables.port_slots[port_index(key.proto, key.local.port)].flows);
}

Status insert(const Tables& tables, const FlowKey& key, const contract::flow& flow) {
    flow_count(tables, key).fetch_add(1);
    auto put = tables.flows.put(encode(key), flow, PutMode::insert);
    if (!put) flow_count(tables, key).fetch_sub(1);
    return put;
}

/// false: was not there.
Result<bool> erase(const Tables& tables, const FlowKey& key) {
    auto erased = tables.flows.erase(encode(key));
    if (erased && *erased) flow_count(tables, key).fetch_sub(1);
    return erased;
}

contract::flow new_flow(const Target& target) {
    contract::flow flow{};
    flow.target = encode(target.kind);
    flow.state = contract::FLOW_ESTABLISHED;
    return flow;
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

Status check_targets(const Instance& instance, std::span<const FlowLine> flows) {
    const bool rejects = std::any_of(flows.begin(), flows.end(),
                                     [](const FlowLine& flow) { return flow.target.kind == TargetKind::reject; });
    return rejects ? check_reject(instance) : Status();
}

Status check_absent(const Instance& instance, std::span<const FlowLine> flows, const std::string& source) {
    std::set<FlowKey> seen;
    for (std::size_t i = 0; i < flows.size(); ++i) {
        const auto found = instance.tables().flows.find(encode(flows[i].key));
        if (!found) return fail(found.error());
        if (*found || !seen.insert(flows[i].key).second) return fail(located(flows[i], taken(flows, i), source));
    }
    const auto present = count_flows(instance);
    if (!present) return fail(present.error());
    const std::size_t capacity = instance.tables().flows.capacity();
    if (*present + flows.size() <= capacity) return {};
    return fail(ErrorKind::full, fmt::format("table \"flows\" holds {} entries and {} are there: no room for {}",
                                             capacity, *present, flows.size()));
}

using ErasedFlows = std::vector<std::pair<FlowKey, contract::flow>>;

/// Puts back what a deletion that broke off had erased. What another process has claimed meanwhile is that one's.
void put_back(const Tables& tables, const ErasedFlows& erased) {
    for (const auto& [key, flow] : erased) {
        [[maybe_unused]] const Status best_effort = insert(tables, key, flow);
    }
}

Status check_present(const Tables& tables, std::span<const FlowLine> flows, const std::string& source) {
    std::set<FlowKey> seen;
    BatchErrors errors(source);
    for (const auto& flow : flows) {
        const auto found = tables.flows.find(encode(flow.key));
        if (!found) return fail(found.error());
        if (*found && seen.insert(flow.key).second) continue;
        if (flow.line == 0) return fail(missing(flow.key));
        errors.add(flow.line, missing(flow.key));
    }
    return errors.empty() ? Status() : Status(fail(errors.error()));
}

Status erase_one(const Tables& tables, const FlowLine& flow, ErasedFlows& erased, const std::string& source) {
    const auto value = tables.flows.find(encode(flow.key));
    if (!value) return fail(value.error());
    const auto gone = erase(tables, flow.key);
    if (!gone) return fail(gone.error());
    if (!*gone || !*value) return fail(located(flow, missing(flow.key), source));
    erased.emplace_back(flow.key, **value);
    return {};
}

using OperatorFlows = std::map<FlowKey, Target>;
using FlowChange = std::function<void(OperatorFlows& after, const FlowLine& flow)>;

/// `change` does to the operators' flows what a line does to the table.
Status guard_flows(const Instance& instance, const std::optional<Safeguard>& safeguard, std::span<const FlowLine> flows,
                   const FlowChange& change) {
    if (!safeguard || safeguard->operators.empty()) return {};
    const auto before = standing_of(instance, *safeguard);
    if (!before) return fail(before.error());
    Standing after = *before;
    for (const auto& flow : flows) {
        const bool is_operators = std::ranges::any_of(safeguard->operators, [&](const Connection& connection) {
            return flow.key == FlowKey{Proto::tcp, connection.local, connection.remote};
        });
        if (is_operators) change(after.flows, flow);
    }
    return check_operators(*before, after, operator_paths(*safeguard));
}

}  // namespace

Status add_flows(Instance& instance, std::span<const FlowLine> flows, const FlowOptions& options) {
    if (auto valid = validate(flows, options.source); !valid) return valid;
    if (auto possible = check_targets(instance, flows); !possible) return possible;
    const auto add_to = [](OperatorFlows& after, const FlowLine& flow) { after[flow.key] = flow.target; };
    if (auto safe = guard_flows(instance, options.safeguard, flows, add_to); !safe) return safe;
    if (options.dry_run) return check_absent(instance, flows, options.source);
    const Tables& tables = instance.tables();
    for (std::size_t i = 0; i < flows.size(); ++i) {
        auto added = insert(tables, flows[i].key, new_flow(flows[i].target));
        if (!added) {
            const Error error = added.error().kind() == ErrorKind::in_use ? taken(flows, i) : added.error();
            for (const auto& undo : flows.first(i))
                [[maybe_unused]] const auto best_effort = erase(tables, undo.key);
            return fail(located(flows[i], error, options.source));
        }
        report(options, i + 1, flows.size());
    }
    instance.keep();
    return {};
}

Status add_flow(Instance& instance, const FlowKey& key, const Target& target, bool dry_run) {
    const FlowLine flow{0, key, target};
    FlowOptions options;
    options.dry_run = dry_run;
    return add_flows(instance, {&flow, 1}, options);
}

Status delete_flows(Instance& instance, std::span<const FlowLine> flows, const FlowOptions& options) {
    const Tables& tables = instance.tables();
    if (auto there = check_present(tables, flows, options.source); !there) return there;
    const auto take_from = [](OperatorFlows& after, const FlowLine& flow) { after.erase(flow.key); };
    if (auto safe = guard_flows(instance, options.safeguard, flows, take_from); !safe) return safe;
    if (options.dry_run) return {};
    ErasedFlows erased;
    erased.reserve(flows.size());
    for (const auto& flow : flows) {
        if (auto done = erase_one(tables, flow, erased, options.source); !done) {
            put_back(tables, erased);
            return done;
        }
        report(options, erased.size(), flows.size());
    }
    return {};
}

Status delete_flow(Instance& instance, const FlowKey& key, bool dry_run) {
    const FlowLine flow{0, key, {}};
    FlowOptions options;
    options.dry_run = dry_run;
    return delete_flows(instance, {&flow, 1}, options);
}

Result<std::size_t> flush_flows(Instance& instance, bool dry_run, const std::optional<Safeguard>& safeguard) {
    std::vector<FlowLine> operators;
    for (const auto& [local, remote] : safeguard.value_or(Safeguard{}).operators)
        operators.push_back({0, {Proto::tcp, local, remote}, {}});
    const auto take_from = [](OperatorFlows& after, const FlowLine& flow) { after.erase(flow.key); };
    if (auto safe = guard_flows(instance, safeguard, operators, take_from); !safe) return fail(std::move(safe.error()));
    if (dry_run) return count_flows(instance);
    const Tables& tables = instance.tables();
    std::vector<FlowKey> keys;
    const auto walked = tables.flows.for_each([&](const contract::flow_key& key, const contract::flow&) {
        keys.push_back(decode(key));
        return true;
    });
    if (!walked) return fail(walked.error());
    std::size_t count = 0;
    for (const auto& key : keys) {
        const auto gone = erase(tables, key);
        if (!gone) return fail(gone.error());
        if (*gone) ++count;
    }
    return count;
}

Status for_each_flow(const Instance& instance, const std::function<bool(const Flow&)>& each) {
    Status decoded;
    auto walked = instance.tables().flows.for_each([&](const contract::flow_key& key, const contract::flow& value) {
        const auto flow = decode(key, value);
        if (flow) return each(*flow);
        decoded = fail(flow.error());
        return false;
    });
    return decoded ? walked : decoded;
}

Result<std::size_t> count_flows(const Instance& instance) {
    std::size_t count = 0;
    const auto walked = instance.tables().flows.for_each([&](const contract::flow_key&, const contract::flow&) {
        ++count;
        return true;
    });
    if (!walked) return fail(walked.error());
    return count;
}

}  // namespace xdemux
