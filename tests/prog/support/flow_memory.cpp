// SPDX-License-Identifier: BSD-2-Clause
#include "support/flow_memory.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include <bpf/libbpf.h>
#include <sys/mman.h>

namespace xdemux::test {
namespace {

using namespace contract;

constexpr std::uint32_t default_lines = 23;

template <typename Mapping>
void map(const bpf_object& object, const char* name, Mapping& mapping) {
    const bpf_map* map = bpf_object__find_map_by_name(&object, name);
    if (map == nullptr) throw std::runtime_error(std::string("no table ") + name);
    mapping.size = std::size_t{bpf_map__max_entries(map)} * bpf_map__value_size(map);
    mapping.data = ::mmap(nullptr, mapping.size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    if (mapping.data == MAP_FAILED) throw std::runtime_error(std::string("cannot map ") + name + std::strerror(errno));
}

}  // namespace

void set_flow_table(contract::settings& settings) {
    settings.flow_lines = default_lines;
    settings.flow_capacity = default_lines * FLOW_LINE_PLACES * 3 / 4;
    settings.ordered_loads = 1;
    settings.flow_seeds.mix = 0x9e37'79b9'7f4a'7c15;
    for (std::uint32_t i = 0; i < std::size(settings.flow_seeds.words); i++)
        settings.flow_seeds.words[i] = 0x85eb'ca6b * (i + 1);
}

void FlowMemory::resize(bpf_object& object, std::uint32_t flows, contract::settings& settings) {
    settings.flow_lines = FlowStore::lines_for(flows);
    for (const auto* lines : {"flow_lines4", "flow_lines6"})
        bpf_map__set_max_entries(bpf_object__find_map_by_name(&object, lines), settings.flow_lines);
    for (const auto* entries : {"flows4", "flows6"})
        bpf_map__set_max_entries(bpf_object__find_map_by_name(&object, entries),
                                 settings.flow_lines * FLOW_LINE_PLACES);
}

FlowMemory::FlowMemory(const bpf_object& object, const contract::settings& settings) {
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6}) {
        const bool ipv6 = family == FAMILY_IPV6;
        map(object, ipv6 ? "flow_lines6" : "flow_lines4", lines_[family]);
        map(object, ipv6 ? "flows6" : "flows4", entries_[family]);
        const std::span lines(static_cast<flow_line*>(lines_[family].data), lines_[family].size / sizeof(flow_line));
        const std::span entries(static_cast<std::uint64_t*>(entries_[family].data), entries_[family].size / 8);
        stores_[family] = std::make_unique<FlowStore>(family, settings.flow_seeds, FlowStore::Memory{lines, entries});
    }
}

FlowMemory::~FlowMemory() {
    for (const auto& mappings : {lines_, entries_})
        for (int family = 0; family < 2; family++)
            ::munmap(mappings[family].data, mappings[family].size);
}

void FlowMemory::put(const flow_key& key, const FlowFacts& facts) const {
    const FlowStore::Writer writer(store(key.family), 1, [](std::uint32_t) { return false; });
    writer.erase(key);
    if (writer.insert(key, facts) != FlowStore::Inserted::done) throw std::runtime_error("cannot add a flow");
}

void FlowMemory::clear() {
    for (const auto& mappings : {lines_, entries_})
        for (int family = 0; family < 2; family++)
            std::memset(mappings[family].data, 0, mappings[family].size);
}

}  // namespace xdemux::test
