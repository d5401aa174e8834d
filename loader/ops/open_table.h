// SPDX-License-Identifier: BSD-2-Clause
// Opens a table that few commands need, hence none of struct Tables. Private to this box.
#pragma once

#include <utility>

#include <xdemux/kernel/map.h>
#include <xdemux/ops/instance.h>

namespace xdemux {

/// Errors as MapHandle::open(), and `failed` where the sizes are others than ours.
template <typename Table>
Result<Table> open_table_of(const Instance& instance, const char* name) {
    auto handle = MapHandle::open(instance.pins().path_of(name), name);
    if (!handle) return fail(std::move(handle.error()));
    return Table::open(std::move(*handle));
}

}  // namespace xdemux
