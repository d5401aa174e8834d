// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include <xdemux/kernel/flow_store.h>

#include "flow_access.h"
#include "flow_store_inline.h"

namespace xdemux {
namespace {

using namespace contract;
using flow_access::load;

constexpr std::uint64_t use_bits = std::uint64_t{0xffff} << 32U;

std::uint64_t use_of(std::uint16_t target, flow_state state) {
    return (static_cast<std::uint64_t>(state) << FLOW_STATE_SHIFT | (target & FLOW_TARGET_MASK)) << 32U;
}

std::uint64_t with_use(std::uint64_t identity, std::uint16_t target, flow_state state) {
    return (identity & ~use_bits) | use_of(target, state);
}

void read_use(std::uint64_t identity, FlowFacts& facts) {
    const auto use = static_cast<std::uint32_t>((identity & use_bits) >> 32U);
    facts.target = static_cast<std::uint16_t>(use & FLOW_TARGET_MASK);
    facts.state = static_cast<flow_state>(use >> FLOW_STATE_SHIFT);
}

void read_traffic(std::uint64_t traffic, FlowFacts& facts) {
    constexpr std::uint64_t more_bit = std::uint64_t{1} << FLOW_MORE_SHIFT;
    facts.more = (traffic & more_bit) != 0;
    facts.packets = (traffic & ~more_bit) >> FLOW_PACKETS_SHIFT;
    facts.bytes = traffic & ((std::uint64_t{1} << FLOW_PACKETS_SHIFT) - 1);
}

/// Of a flow with two entries: `former` is what became of it until its packets went to the other one, `present` what
/// did since, where there were any.
flow_state state_of_both(flow_state former, flow_state present, bool has_packets) {
    const bool may_end = present == FLOW_LEASED || present == FLOW_IN_USE;
    const bool has_ended = former == FLOW_TIME_WAIT || former == FLOW_QUARANTINE;
    return !has_packets || (may_end && has_ended) ? former : present;
}

bool is_prime(std::uint32_t number) {
    for (std::uint32_t divisor = 2; std::uint64_t{divisor} * divisor <= number; ++divisor) {
        if (number % divisor == 0) return false;
    }
    return number > 1;
}

}  // namespace

std::uint32_t FlowStore::lines_for(std::uint32_t flows) {
    constexpr std::uint64_t flows_per_line = FLOW_LINE_PLACES * 3 / 4;
    auto lines = static_cast<std::uint32_t>((flows + flows_per_line - 1) / flows_per_line);
    while (!is_prime(lines))
        ++lines;
    return lines;
}

FlowStore::FlowStore(contract::family family, const flow_seeds& seeds, const Memory& memory)
    : family_(family),
      seeds_(&seeds),
      memory_(memory),
      address_words_(family == FAMILY_IPV6 ? 4 : 1),
      entry_words_((family == FAMILY_IPV6 ? sizeof(flow_ipv6) : sizeof(flow_ipv4)) / sizeof(std::uint64_t)) {
    assert(memory.entries.size() == memory.lines.size() * FLOW_LINE_PLACES * entry_words_);
}

FlowStore::Name FlowStore::name_of(const flow_key& key) const {
    Name name;
    name.ports = key.local_port | static_cast<std::uint32_t>(key.remote_port) << 16U;
    name.proto = key.proto;
    if (family_ == FAMILY_IPV6) {
        std::memcpy(name.addresses.data(), key.local_addr, ADDR_SIZE);
        std::memcpy(&name.addresses[2], key.remote_addr, ADDR_SIZE);
        name.hash = flow_hash_ipv6(seeds_, name.addresses.data(), &name.addresses[2], name.ports, name.proto);
    } else {
        std::memcpy(name.addresses.data(), key.local_addr, 4);
        std::memcpy(reinterpret_cast<std::byte*>(name.addresses.data()) + 4, key.remote_addr, 4);
        name.hash = flow_hash_ipv4(seeds_, name.addresses[0], name.ports, name.proto);
    }
    name.line = flow_line_of(name.hash, lines());
    name.word = flow_word_of(name.hash);
    return name;
}

std::uint32_t FlowStore::tag_at(std::uint32_t place) const {
    const Spot spot = spot_of(place);
    return static_cast<std::uint32_t>(tags(spot.line, spot.word) >> (spot.slot * 8) & 0xff);
}

// The identity word first and last. None: it is being written.
std::optional<FlowStore::Entry> FlowStore::read_entry(std::uint32_t place) const {
    Entry entry;
    std::uint64_t& identity = entry_word(place, address_words_);
    const std::uint64_t before = load(identity, std::memory_order_acquire);
    for (std::size_t i = 0; i < address_words_; ++i)
        entry.addresses[i] = load(entry_word(place, i), std::memory_order_relaxed);
    entry.traffic = load(entry_word(place, address_words_ + 1), std::memory_order_relaxed);
    entry.rest = load(entry_word(place, address_words_ + 2), std::memory_order_relaxed);
    flow_access::fence(std::memory_order_acquire);
    entry.identity = load(identity, std::memory_order_relaxed);
    if ((before & ~use_bits) != (entry.identity & ~use_bits) || entry.ports() == 0) return std::nullopt;
    return entry;
}

std::optional<FlowStore::Sight> FlowStore::find_in_word(const Name& name, std::uint32_t line, std::uint32_t word,
                                                        std::uint32_t far) const {
    std::uint64_t candidates = flow_candidates(tags(line, word), flow_tag_of(name.hash));
    for (; candidates != 0; candidates &= candidates - 1) {
        const Spot spot{line, word, flow_first_slot(candidates), far};
        const auto entry = read_entry(place_of(spot));
        if (entry && entry->is(name)) return Sight{spot, *entry};
    }
    return std::nullopt;
}

std::optional<FlowStore::Sight> FlowStore::find_in_line(const Name& name, std::uint32_t line, std::uint32_t far) const {
    for (std::uint32_t word = 0; word < FLOW_WORDS; ++word) {
        if (auto sight = find_in_word(name, line, word, far)) return sight;
    }
    return std::nullopt;
}

std::optional<FlowStore::Sight> FlowStore::locate(const Name& name) const {
    if (auto sight = find_in_word(name, name.line, name.word, 0)) return sight;
    const std::uint32_t others = elsewhere(name.line);
    if ((others & flow_elsewhere_bit(name.hash)) == 0) return std::nullopt;
    if (auto sight = find_in_line(name, name.line, 0)) return sight;
    for (std::uint32_t far = 1; far <= flow_far_lines(others); ++far) {
        if (auto sight = find_in_line(name, flow_far_line(seeds_, name.line, far, lines()), far)) return sight;
    }
    return std::nullopt;
}

FlowStore::Found FlowStore::found_in(std::uint32_t place, const Entry& entry) const {
    Found found;
    found.place = place;
    found.life = static_cast<std::uint16_t>(entry.identity >> 48U);
    const std::size_t size = family_ == FAMILY_IPV6 ? ADDR_SIZE : 4;
    std::memcpy(found.key.local_addr, entry.addresses.data(), size);
    std::memcpy(found.key.remote_addr, reinterpret_cast<const std::byte*>(entry.addresses.data()) + size, size);
    found.key.local_port = static_cast<std::uint16_t>(entry.ports());
    found.key.remote_port = static_cast<std::uint16_t>(entry.ports() >> 16U);
    found.key.proto = static_cast<std::uint8_t>(entry.proto());
    found.key.family = static_cast<std::uint8_t>(family_);
    read_use(entry.identity, found.facts);
    read_traffic(entry.traffic, found.facts);
    found.facts.touched_ns = (entry.rest & 0xffffffff) << FLOW_SEEN_SHIFT;
    found.facts.owner = static_cast<std::uint32_t>(entry.rest >> 32U);
    return found;
}

std::optional<FlowStore::Found> FlowStore::at(std::uint32_t place) const {
    if (tag_at(place) == 0) return std::nullopt;
    const auto entry = read_entry(place);
    if (!entry) return std::nullopt;
    return found_in(place, *entry);
}

std::optional<FlowStore::Found> FlowStore::find(const flow_key& key) const {
    const auto sight = locate(name_of(key));
    if (!sight) return std::nullopt;
    return found_in(place_of(sight->spot), sight->entry);
}

bool FlowStore::change(const Found& expected, std::uint16_t target, flow_state state) const {
    std::uint64_t& word = entry_word(expected.place, address_words_);
    std::uint64_t identity = load(word, std::memory_order_acquire);
    FlowFacts facts;
    read_use(identity, facts);
    if (identity >> 48U != expected.life || facts.target != expected.facts.target ||
        facts.state != expected.facts.state || !at(expected.place))
        return false;
    return flow_access::swap(word, identity, with_use(identity, target, state));
}

// What may be done twice is done first. The entry at `to` may count and move on meanwhile, the other one stands still.
void FlowStore::take_over(std::uint32_t to, const Found& from) const {
    constexpr std::uint64_t more_bit = std::uint64_t{1} << FLOW_MORE_SHIFT;
    constexpr std::uint64_t seen_bits = 0xffffffff;
    for (auto now = at(to); now; now = at(to)) {
        const flow_state state = state_of_both(from.facts.state, now->facts.state, now->facts.packets != 0);
        if (change(*now, now->facts.target, state)) break;
    }
    const std::uint64_t seen = from.facts.touched_ns >> FLOW_SEEN_SHIFT;
    std::uint64_t& rest = entry_word(to, address_words_ + 2);
    std::uint64_t had = load(rest, std::memory_order_relaxed);
    while ((had & seen_bits) < seen && !flow_access::swap(rest, had, (had & ~seen_bits) | seen)) {
    }
    std::uint64_t& given = entry_word(from.place, address_words_ + 1);
    std::uint64_t taken = load(given, std::memory_order_relaxed);
    while (!flow_access::swap(given, taken, std::uint64_t{0})) {
    }
    std::uint64_t& traffic = entry_word(to, address_words_ + 1);
    std::uint64_t counted = load(traffic, std::memory_order_relaxed);
    while (!flow_access::swap(traffic, counted, (counted + (taken & ~more_bit)) | (taken & more_bit))) {
    }
}

std::uint64_t FlowStore::size() const {
    std::uint64_t flows = 0;
    for (std::uint32_t line = 0; line < lines(); ++line) {
        for (std::uint32_t word = 0; word < FLOW_WORDS; ++word) {
            // Exact for every byte, unlike flow_candidates().
            const std::uint64_t used = tags(line, word);
            const std::uint64_t low = FLOW_BYTES * 0x7f;
            flows += static_cast<std::uint64_t>(std::popcount((((used & low) + low) | used) & ~low));
        }
    }
    return flows;
}

FlowStore::Count FlowStore::count() const {
    Count count;
    for (std::uint32_t place = 0; place < places(); ++place) {
        const auto found = at(place);
        if (!found) continue;
        const Name name = name_of(found->key);
        ++count.flows;
        if (name.line != place / FLOW_LINE_PLACES) {
            ++count.far;
        } else if (name.word != place / FLOW_SLOTS % FLOW_WORDS) {
            ++count.near;
        }
    }
    return count;
}

void FlowStore::prefetch_line(const Name& name) const {
    __builtin_prefetch(&memory_.lines[name.line], 1);
}

void FlowStore::prefetch_entry(const Name& name) const {
    const std::uint64_t free = flow_candidates(tags(name.line, name.word), 0);
    if (free != 0) __builtin_prefetch(&entry_word(flow_place(name.line, name.word, flow_first_slot(free)), 0), 1);
}

}  // namespace xdemux
