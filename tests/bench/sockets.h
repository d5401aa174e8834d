// SPDX-License-Identifier: BSD-2-Clause
// What finding a registered socket costs: the shipped sk_lookup program under BPF_PROG_TEST_RUN against one that leaves
// everything to the kernel.
#pragma once

#include <vector>

#include "bench.h"
#include "report.h"

namespace xdemux::bench {

/// `server` listens for TCP over IPv4. In each round the rows run one after the other, program and baseline next to
/// each other. Throws std::runtime_error where a row's look-up does not come to its socket, or the kernel refuses.
std::vector<Line> run_sockets(int server, const Effort& effort, const Progress& progress);

}  // namespace xdemux::bench
