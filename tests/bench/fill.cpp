// SPDX-License-Identifier: BSD-2-Clause
#include "fill.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include <bpf/bpf.h>

#include "ephemeral_support.h"
#include "subject.h"

namespace xdemux::bench {
namespace {

using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point start, std::size_t flows) {
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / static_cast<double>(flows);
}

double fill_table(const FlowTable& table, const std::vector<FlowTable::Item>& items) {
    std::size_t inserted = 0;
    const auto start = Clock::now();
    must(table.claim_all(items, inserted));
    const double ns = ns_since(start, items.size());
    if (inserted != items.size()) throw std::runtime_error("a flow was there before");
    for (const auto& item : items) {
        if (!must(table.erase(item.key))) throw std::runtime_error("a flow was gone");
    }
    return ns;
}

double fill_hash(const std::vector<contract::flow_key>& keys) {
    constexpr std::uint32_t batch = 8192;
    const Fd map(::bpf_map_create(BPF_MAP_TYPE_HASH, "bench_hash", sizeof(contract::flow_key), 3 * sizeof(__u64),
                                  static_cast<__u32>(keys.size()), nullptr));
    if (!map.valid()) throw std::runtime_error(std::string("cannot make a hash map: ") + std::strerror(errno));
    const std::vector<std::array<__u64, 3>> nothing(batch);
    const auto start = Clock::now();
    for (std::size_t done = 0; done < keys.size(); done += batch) {
        auto count = static_cast<__u32>(std::min<std::size_t>(batch, keys.size() - done));
        if (::bpf_map_update_batch(map.get(), keys.data() + done, nothing.data(), &count, nullptr) != 0)
            throw std::runtime_error(std::string("cannot fill a hash map: ") + std::strerror(errno));
    }
    return ns_since(start, keys.size());
}

}  // namespace

std::vector<Line> measure_fill(const FillEffort& effort, const std::function<void(std::string_view)>& progress) {
    constexpr double ten_million_a_second = 100;
    const auto keys = Subject::flow_keys(contract::PROTO_TCP, 443, {0, effort.flows, 0, 0});
    std::vector<FlowTable::Item> items;
    for (const auto& key : keys)
        items.push_back({key, {}});
    const BenchInstance made(effort.flows);
    const Instance instance = must(Instance::open(made.name()));
    std::vector<Pair> table, hash;
    for (std::uint32_t round = 0; round < effort.rounds; round++) {
        progress("filling the flow table");
        table.push_back({0, fill_table(instance.tables().flows, items)});
        progress("filling a hash map");
        hash.push_back({0, fill_hash(keys)});
    }
    return {{"filling 1M flows from user space, a flow", figures_of(table), ten_million_a_second},
            {"yardstick: BPF hash map, filled in batches, a flow", figures_of(hash), {}}};
}

}  // namespace xdemux::bench
