// SPDX-License-Identifier: BSD-2-Clause
#include "port_quota.h"

#include <algorithm>
#include <mutex>

namespace xdemux {

std::shared_lock<std::shared_mutex> PortQuota::changing() const {
    return is_limited() ? std::shared_lock(mutex_) : std::shared_lock<std::shared_mutex>();
}

bool PortQuota::take(std::uint64_t ports) {
    if (!is_limited()) return true;
    std::uint64_t taken = taken_;
    while (taken + ports <= most_)
        if (taken_.compare_exchange_weak(taken, taken + ports)) return true;
    return false;
}

void PortQuota::give(std::uint64_t ports) {
    if (!is_limited()) return;
    std::uint64_t taken = taken_;
    while (!taken_.compare_exchange_weak(taken, taken - std::min(taken, ports))) {
    }
}

Status PortQuota::recount(const Count& count) {
    if (!is_limited()) return {};
    const std::unique_lock lock(mutex_);
    const auto counted = count();
    if (!counted) return fail(counted.error());
    taken_ = *counted;
    return {};
}

}  // namespace xdemux
