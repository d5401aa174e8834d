// SPDX-License-Identifier: BSD-2-Clause
// The accesses of FlowStore to its memory, inline in both of its sources: an insertion makes some twenty of them.
#pragma once

#include <xdemux/kernel/flow_store.h>

#include "flow_access.h"

namespace xdemux {

inline std::uint64_t FlowStore::tags(std::uint32_t line, std::uint32_t word) const {
    return flow_access::load(*reinterpret_cast<std::uint64_t*>(memory_.lines[line].tags[word]),
                             std::memory_order_acquire);
}

inline void FlowStore::set_tag(const Spot& spot, std::uint32_t tag) const {
    flow_access::store(memory_.lines[spot.line].tags[spot.word][spot.slot], static_cast<std::uint8_t>(tag),
                       std::memory_order_release);
}

inline std::uint32_t FlowStore::elsewhere(std::uint32_t line) const {
    return flow_access::load(memory_.lines[line].elsewhere, std::memory_order_acquire);
}

inline std::uint64_t& FlowStore::entry_word(std::uint32_t place, std::size_t index) const {
    return memory_.entries[place * entry_words_ + index];
}

inline std::uint32_t FlowStore::place_of(const Spot& spot) {
    return contract::flow_place(spot.line, spot.word, spot.slot);
}

inline FlowStore::Spot FlowStore::spot_of(std::uint32_t place) {
    using namespace contract;
    return {place / FLOW_LINE_PLACES, place / FLOW_SLOTS % FLOW_WORDS, place % FLOW_SLOTS, 0};
}

}  // namespace xdemux
