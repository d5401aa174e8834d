// SPDX-License-Identifier: BSD-2-Clause
#include <xdemux/ops/memory.h>

namespace xdemux {

Result<std::uint64_t> table_memory(const Instance& instance) {
    std::uint64_t total = 0;
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
