// SPDX-License-Identifier: BSD-2-Clause
// How fast user space fills the flow table of an instance, beside a BPF hash map that is filled in batches. It prints
// nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "report.h"

namespace xdemux::bench {

struct FillEffort {
    std::uint32_t rounds = 5;
    std::uint32_t flows = 1'000'000;
};

/// ns a flow, by the library's FlowTable::claim_all(), by writing as much of such memory and no more, and by
/// bpf_map_update_batch(); the table is empty each time. On an instance of its own, in the network namespace of the
/// calling thread. Throws std::runtime_error.
std::vector<Line> measure_fill(const FillEffort& effort, const std::function<void(std::string_view)>& progress);

}  // namespace xdemux::bench
