// SPDX-License-Identifier: BSD-2-Clause
#include "epoch.h"

#include <atomic>
#include <utility>

namespace xdemux {
namespace {

constexpr bool is_changing(__u32 epoch) {
    return (epoch & 1U) != 0;
}

/// To the next epoch where it is of that kind. The kernel writes the word by a plain store, as it writes the tables:
/// on machines that do not keep stores in order, the fences keep it behind what was written before and ahead of what
/// comes after.
Status leave(const Tables& tables, bool changing) {
    const auto present = tables.local_hot.find(0);
    if (!present) return fail(present.error());
    contract::local_hot hot = present->value_or(contract::local_hot{});
    if (is_changing(hot.epoch) != changing) return {};
    ++hot.epoch;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    auto put = tables.local_hot.put(0, hot);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return put;
}

}  // namespace

Status change_epoch(const Tables& tables, const std::function<Status()>& write) {
    if (auto begun = leave(tables, false); !begun) return begun;
    auto written = write();
    auto ended = end_change(tables);
    return written ? std::move(ended) : std::move(written);
}

Status end_change(const Tables& tables) {
    return leave(tables, true);
}

}  // namespace xdemux
