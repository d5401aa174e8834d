// SPDX-License-Identifier: BSD-2-Clause
#include <chrono>
#include <thread>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xdemux/kernel/grace.h>

namespace xdemux {

void wait_for_packets_under_way() {
    constexpr std::chrono::milliseconds longer_than_a_packet(200);
    // MEMBARRIER_CMD_GLOBAL is synchronize_rcu(), and programs run as RCU readers (kernel/sched/membarrier.c).
    if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) std::this_thread::sleep_for(longer_than_a_packet);
}

}  // namespace xdemux
