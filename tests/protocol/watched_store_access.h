// SPDX-License-Identifier: BSD-2-Clause
// In the place of loader/kernel/flow_access.h: each access goes to the watch. It decides nothing.
#ifndef XDEMUX_KERNEL_FLOW_ACCESS_H
#define XDEMUX_KERNEL_FLOW_ACCESS_H

#include <atomic>
#include <cstdint>

#include "watch.h"

namespace xdemux::flow_access {

template <typename Word>
Word load(Word& word, std::memory_order /*order*/) {
    return static_cast<Word>(watched_load(&word, sizeof word));
}

template <typename Word>
void store(Word& word, Word value, std::memory_order order) {
    watched_store(&word, value, sizeof word, order == std::memory_order_relaxed ? WATCHED_RELAXED : WATCHED_RELEASE);
}

template <typename Word>
bool swap(Word& word, Word& expected, Word value) {
    std::uint64_t present = expected;
    const bool swapped = watched_swap(&word, &present, value, sizeof word) != 0;
    expected = static_cast<Word>(present);
    return swapped;
}

inline void fence(std::memory_order /*order*/) {
    watched_fence();
}

}  // namespace xdemux::flow_access

#endif
