// SPDX-License-Identifier: BSD-2-Clause
#include <cstddef>
#include <unordered_map>
#include <utility>

#include <xdemux/kernel/encode_evidence.h>
#include <xdemux/ops/blocks.h>
#include <xdemux/ops/scans.h>

#include "open_table.h"

namespace xdemux {
namespace {

/// Map scanners: a value for each possible CPU.
struct ScannerTable {
    MapHandle handle;
    std::size_t cpus = 0;

    static Result<ScannerTable> open(MapHandle handle) {
        if (auto sizes = handle.check_sizes(sizeof(std::uint32_t), sizeof(contract::scanner)); !sizes)
            return fail(sizes.error());
        const auto cpus = possible_cpus();
        if (!cpus) return fail(cpus.error());
        return ScannerTable{std::move(handle), *cpus};
    }
};

/// By slot and CPU; free ones are left out.
using Reading = std::unordered_map<std::uint64_t, ScanSlot>;

Result<Reading> read_slots(const ScannerTable& table) {
    Reading reading;
    const auto walked =
        table.handle.for_each(sizeof(contract::scanner) * table.cpus, [&](const void* key, const void* values) {
            const auto* slots = static_cast<const contract::scanner*>(values);
            for (std::size_t cpu = 0; cpu < table.cpus; ++cpu) {
                const std::uint64_t place = *static_cast<const std::uint32_t*>(key) * table.cpus + cpu;
                if (const auto slot = decode(slots[cpu])) reading.emplace(place, *slot);
            }
            return true;
        });
    if (!walked) return fail(walked.error());
    return reading;
}

/// Reads twice: see settle().
Result<std::vector<ScanSlot>> read_settled(const ScannerTable& table) {
    auto first = read_slots(table);
    if (!first) return fail(first.error());
    const auto second = read_slots(table);
    if (!second) return fail(second.error());
    std::vector<ScanSlot> slots;
    for (auto& [place, slot] : *first) {
        const auto again = second->find(place);
        if (again != second->end() && settle(slot, again->second)) slots.push_back(slot);
    }
    return slots;
}

}  // namespace

Result<std::vector<ScanRow>> read_scans(const Instance& instance, const ScanSelection& selection) {
    const auto table = open_table_of<ScannerTable>(instance, "scanners");
    if (!table) return fail(table.error());
    const auto slots = read_settled(*table);
    if (!slots) return fail(slots.error());
    const auto blocks = read_blocks(instance);
    if (!blocks) return fail(blocks.error());
    std::vector<ScanRow> rows;
    for (const Scan& scan : select_scans(merge_scans(*slots), selection)) {
        ScanRow row{scan, std::nullopt};
        for (const Block& block : *blocks) {
            if (block.source == row.scan.source) row.blocked_until_ns = block.until_ns;
        }
        rows.push_back(row);
    }
    return rows;
}

Status reset_scans(Instance& instance) {
    const auto table = open_table_of<ScannerTable>(instance, "scanners");
    if (!table) return fail(table.error());
    const auto taken = read_slots(*table);
    if (!taken) return fail(taken.error());
    const std::vector<contract::scanner> nobody(table->cpus);
    for (const auto& [place, slot] : *taken) {
        const auto index = static_cast<std::uint32_t>(place / table->cpus);
        if (auto freed = table->handle.put(&index, nobody.data(), PutMode::any); !freed) return freed;
    }
    return {};
}

}  // namespace xdemux
