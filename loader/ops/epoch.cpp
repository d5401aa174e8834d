// SPDX-License-Identifier: BSD-2-Clause
#include "epoch.h"

namespace xdemux {
namespace {

constexpr bool is_changing(__u32 epoch) {
    return (epoch & 1U) != 0;
}

/// To the next one where it is of that kind.
Status leave(const Tables& tables, bool changing) {
    const auto present = tables.local_hot.find(0);
    if (!present) return fail(present.error());
    contract::local_hot hot = present->value_or(contract::local_hot{});
    if (is_changing(hot.epoch) != changing) return {};
    ++hot.epoch;
    return tables.local_hot.put(0, hot);
}

}  // namespace

Status begin_change(const Tables& tables) {
    return leave(tables, false);
}

Status end_change(const Tables& tables) {
    return leave(tables, true);
}

}  // namespace xdemux
