// SPDX-License-Identifier: BSD-2-Clause
#include "fill.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include <bpf/bpf.h>
#include <sys/mman.h>

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

// Memory of an array map, as user space sees it.
template <typename Value>
class Array {
  public:
    explicit Array(std::uint32_t count) : bytes_(std::size_t{count} * sizeof(Value)) {
        LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
        const Fd map(
            ::bpf_map_create(BPF_MAP_TYPE_ARRAY, "bench_array", sizeof(__u32), sizeof(Value), count, &options));
        values_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
        if (values_ == MAP_FAILED)
            throw std::runtime_error(std::string("cannot map an array: ") + std::strerror(errno));
    }
    ~Array() { ::munmap(values_, bytes_); }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    Value& operator[](std::size_t at) const { return static_cast<Value*>(values_)[at]; }

  private:
    std::size_t bytes_;
    void* values_;
};

// A line and an entry of it for each flow, at random, asked for as far ahead as the library does, and written: no key
// is looked at, nothing compared, nobody else kept out.
double write_memory(std::uint32_t flows) {
    constexpr std::uint32_t ahead = 16;
    const std::uint32_t line_count = FlowStore::lines_for(flows);
    const Array<contract::flow_line> lines(line_count);
    const Array<contract::flow_ipv4> entries(line_count * contract::FLOW_LINE_PLACES);
    const auto place_of = [&](std::uint32_t flow) {
        const std::uint64_t mixed = (flow + 1) * 0x9e3779b97f4a7c15U >> 32U;
        return static_cast<std::uint32_t>(mixed * line_count * contract::FLOW_LINE_PLACES >> 32U);
    };
    const auto start = Clock::now();
    for (std::uint32_t flow = 0; flow < flows; ++flow) {
        const std::uint32_t next = place_of(flow + ahead), place = place_of(flow);
        __builtin_prefetch(&lines[next / contract::FLOW_LINE_PLACES], 1);
        __builtin_prefetch(&entries[next], 1);
        contract::flow_ipv4 entry{};
        entry.local_port = static_cast<__u16>(flow);
        entries[place] = entry;
        lines[place / contract::FLOW_LINE_PLACES].tags[flow % contract::FLOW_WORDS][flow % contract::FLOW_SLOTS] = 2;
    }
    return ns_since(start, flows);
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
    std::vector<Pair> table, memory, hash;
    for (std::uint32_t round = 0; round < effort.rounds; round++) {
        progress("filling the flow table");
        table.push_back({0, fill_table(instance.tables().flows, items)});
        progress("writing its memory");
        memory.push_back({0, write_memory(effort.flows)});
        progress("filling a hash map");
        hash.push_back({0, fill_hash(keys)});
    }
    return {{"filling 1M flows from user space, a flow", figures_of(table), ten_million_a_second},
            {"yardstick: a line and an entry written at random, a flow", figures_of(memory), {}},
            {"yardstick: BPF hash map, filled in batches, a flow", figures_of(hash), {}}};
}

}  // namespace xdemux::bench
