// SPDX-License-Identifier: BSD-2-Clause
#include <vector>

#include <xdemux/ops/counters.h>

namespace xdemux {
namespace {

template <typename Value>
bool is_zero(const Value& value) {
    return value.packets == 0 && value.bytes == 0;
}

/// Writes only where something was counted: most ports never see a packet.
template <typename Value>
Status zero_all(const CounterMap<Value>& counters) {
    std::vector<std::uint32_t> counted;
    const auto walked = counters.for_each([&](std::uint32_t index, const Value& value) {
        if (!is_zero(value)) counted.push_back(index);
        return true;
    });
    if (!walked) return walked;
    for (const auto index : counted) {
        if (auto zeroed = counters.zero(index); !zeroed) return zeroed;
    }
    return {};
}

}  // namespace

Status reset_counters(Instance& instance) {
    const Tables& tables = instance.tables();
    if (auto done = zero_all(tables.port_counters); !done) return done;
    if (auto done = zero_all(tables.port_drops); !done) return done;
    if (auto done = zero_all(tables.reason_counters); !done) return done;
    return zero_all(tables.listener_counts);
}

}  // namespace xdemux
