// SPDX-License-Identifier: BSD-2-Clause
// Waits until the data path has let go of what it may have read before. It changes nothing.
#pragma once

namespace xdemux {

/// Returns when every packet that was in a program at the call has left it: what was taken out of the tables before is
/// in nobody's hands any more. An RCU grace period by membarrier(2), some 10 ms; where the kernel has none to give
/// (nohz_full), a wait that is longer than any packet takes.
void wait_for_packets_under_way();

}  // namespace xdemux
