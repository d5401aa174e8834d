// SPDX-License-Identifier: BSD-2-Clause
// How the flow table's memory is read and written: the only place that does. Nothing goes round it, since the tests of
// the steps in <xdemux/flow_layout.h> put a header of their own in its place, which records each access, stops between
// two of them, or lets another writer in. It knows no line and no entry.
//
// Guarded by name rather than by a pragma: who defines the name stands in its place.
#ifndef XDEMUX_KERNEL_FLOW_ACCESS_H
#define XDEMUX_KERNEL_FLOW_ACCESS_H

#include <atomic>

namespace xdemux::flow_access {

template <typename Word>
Word load(Word& word, std::memory_order order) {
    return std::atomic_ref(word).load(order);
}

template <typename Word>
void store(Word& word, Word value, std::memory_order order) {
    std::atomic_ref(word).store(value, order);
}

/// Compare-and-swap; where it fails, `expected` is what stands there.
template <typename Word>
bool swap(Word& word, Word& expected, Word value) {
    return std::atomic_ref(word).compare_exchange_strong(expected, value, std::memory_order_acq_rel,
                                                         std::memory_order_acquire);
}

inline void fence(std::memory_order order) {
    std::atomic_thread_fence(order);
}

}  // namespace xdemux::flow_access

#endif
