// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <chrono>
#include <ctime>

#include "ephemeral.h"
#include "ephemeral_support.h"

namespace xdemux::bench {
namespace {

const Address here = Address::ipv4({127, 0, 0, 1});
constexpr PortRange linux_range{32768, 60999};

SocketAddress destination(int index) {
    constexpr std::uint16_t https = 443;
    return {Address::ipv4({10, static_cast<std::uint8_t>(index >> 16), static_cast<std::uint8_t>(index >> 8),
                           static_cast<std::uint8_t>(index)}),
            https};
}

/// Of this thread alone: other work on the machine takes none of it.
double cpu_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void fill(PortAllocator& ports, int to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        must(ports.lease(Proto::tcp, here, destination(to)));
}

/// A lease and its release, the median of seven rounds.
double pair_ns(PortAllocator& ports, int pairs) {
    constexpr int rounds = 7;
    std::vector<double> figures;
    for (int round = 0; round < rounds; ++round) {
        const double before = cpu_ns();
        for (int i = 0; i < pairs / rounds; ++i) {
            const auto leased = must(ports.lease(Proto::tcp, here, destination(0)));
            must(ports.release(Proto::tcp, leased, destination(0)));
        }
        figures.push_back((cpu_ns() - before) / (pairs / rounds));
    }
    std::ranges::nth_element(figures, figures.begin() + rounds / 2);
    return figures[rounds / 2];
}

void add_pairs(std::vector<EphemeralRow>& rows, const BenchInstance& instance, const EphemeralEffort& effort) {
    constexpr std::size_t ports_in_all = 28'232;
    constexpr double million_a_second = 1000;
    double at_one = 0;
    auto ports = instance.allocator(linux_range);
    for (const std::size_t percent : {1U, 50U, 99U}) {
        fill(ports, 0, ports_in_all * percent / 100 - must(ports.size()));
        const double ns = pair_ns(ports, effort.pairs);
        if (percent == 1) at_one = ns;
        rows.push_back({fmt::format("lease and release, permutation, {} % of 28,232 ports taken", percent), ns, "ns",
                        million_a_second});
        if (percent == 99) rows.push_back({"the same, 99 % over 1 %", ns / at_one, "times", 2});
    }
}

void add_yardstick(std::vector<EphemeralRow>& rows, const BenchInstance& instance, const EphemeralEffort& effort) {
    auto ports = instance.allocator(linux_range, PortAlgorithm::double_hash);
    fill(ports, 0, 28'232 * 99 / 100);
    rows.push_back({"yardstick: double-hash, 99 % of 28,232 ports taken", pair_ns(ports, effort.pairs / 20), "ns"});
}

void add_fill(std::vector<EphemeralRow>& rows, const EphemeralEffort& effort) {
    const auto all = static_cast<std::uint32_t>(effort.destinations) * effort.fill;
    const BenchInstance instance(all);
    auto ports = instance.allocator({50000, static_cast<std::uint16_t>(50000 + effort.fill - 1)});
    std::size_t refused = 0;
    const double before = cpu_ns();
    for (int port = 0; port < effort.fill; ++port) {
        for (int to = 0; to < effort.destinations; ++to)
            refused += ports.lease(Proto::tcp, here, destination(to)) ? 0 : 1;
    }
    const double ns = (cpu_ns() - before) / all;
    const std::string name =
        fmt::format("{} destinations filled to the last of {} ports", effort.destinations, effort.fill);
    rows.push_back({name + ": leases refused before", static_cast<double>(refused), "leases", 0});
    rows.push_back({name + ": a lease", ns, "ns"});
    const bool full = !ports.lease(Proto::tcp, here, destination(0));
    if (!full) throw std::runtime_error("a full range gave one more port");
}

/// What the flow table takes for a flow when it is as full as it was made for: entry and share of its line
/// (contract.h).
void add_memory(std::vector<EphemeralRow>& rows, int destinations, int each) {
    constexpr std::uint32_t million = 1'000'000;
    constexpr double limit = 100;
    const BenchInstance instance(million);
    auto ports = instance.allocator({50000, 59999});
    for (int port = 0; port < each; ++port)
        for (int to = 0; to < destinations; ++to)
            must(ports.lease(Proto::tcp, here, destination(to)));
    const auto opened = must(Instance::open(instance.name()));
    const double places = static_cast<double>(opened.tables().flows.places(contract::FAMILY_IPV4));
    const double table =
        places * (sizeof(contract::flow_ipv4) + double(sizeof(contract::flow_line)) / contract::FLOW_LINE_PLACES);
    rows.push_back({fmt::format("a lease in memory, {} destinations with {} each", destinations, each),
                    (table + static_cast<double>(ports.bytes())) / million, "bytes", limit});
}

}  // namespace

std::vector<EphemeralRow> measure_leases(const EphemeralEffort& effort) {
    // So that the leases' ranges are not the kernel's.
    must(write_ephemeral_settings({{10000, 20000}, {}}));
    std::vector<EphemeralRow> rows;
    {
        const BenchInstance instance(65'536);
        add_pairs(rows, instance, effort);
        add_yardstick(rows, instance, effort);
    }
    add_fill(rows, effort);
    add_memory(rows, 1'000, 1'000);
    add_memory(rows, 1'000'000, 1);
    return rows;
}

}  // namespace xdemux::bench
