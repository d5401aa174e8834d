// SPDX-License-Identifier: BSD-2-Clause
#include <xdemux/contract.h>
#include <xdemux/kernel/map.h>
#include <xdemux/ops/memory.h>

namespace xdemux {
namespace {

/// What each loaded program has for itself, and nobody pins.
Result<std::uint64_t> program_memory() {
    const auto cpus = possible_cpus();
    if (!cpus) return fail(cpus.error());
    return contract::DESTINATIONS * sizeof(contract::destination) * *cpus;
}

}  // namespace

Result<std::uint64_t> table_memory(const Instance& instance) {
    const auto own = program_memory();
    if (!own) return fail(own.error());
    std::uint64_t total = *own;
    for (const auto& table : table_names()) {
        const auto fd = instance.pins().open(table);
        if (!fd) return fail(fd.error());
        const auto memory = map_memory(fd->get());
        if (!memory) return fail(memory.error());
        total += *memory;
    }
    return total;
}

}  // namespace xdemux
