// SPDX-License-Identifier: BSD-2-Clause
// What changes lines: their one writer at a time.
#include <algorithm>
#include <atomic>
#include <bit>
#include <thread>
#include <utility>

#include <xdemux/kernel/flow_store.h>

#include "flow_access.h"
#include "flow_store_inline.h"

namespace xdemux {
namespace {

using namespace contract;

constexpr std::uint64_t generation_bits = std::uint64_t{FLOW_GENERATION_MASK} << 48U;
constexpr std::uint64_t generation_step = std::uint64_t{1} << 48U;
constexpr int spins_before_yield = 64, yields_before_question = 16;

using flow_access::load;
using flow_access::store;

std::uint32_t far_code(std::uint32_t far) {
    return far == 0 ? 0 : static_cast<std::uint32_t>(std::bit_width(far - 1)) + 1;
}

/// Of leases: flow_move_on() of the data path. Once they are over, a packet changes their state no more.
bool packets_move(flow_state state) {
    return state == FLOW_LEASED || state == FLOW_IN_USE;
}

std::uint32_t with_far(std::uint32_t elsewhere, std::uint32_t far) {
    const std::uint32_t code = std::max(elsewhere >> FLOW_FAR_SHIFT, far_code(far));
    return (elsewhere & ((1U << FLOW_FAR_SHIFT) - 1)) | code << FLOW_FAR_SHIFT;
}

}  // namespace

/// A line whose writer this is, until it goes.
class FlowStore::Writer::Held {
  public:
    explicit Held(flow_line& line) : line_(&line) {}
    Held(Held&& other) noexcept : line_(std::exchange(other.line_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() {
        if (line_ != nullptr) store(line_->writer, std::uint32_t{0}, std::memory_order_release);
    }

  private:
    flow_line* line_;
};

/// How long to wait in all. It asks for the time only once there is something to wait for.
class FlowStore::Writer::Patience {
  public:
    explicit Patience(std::chrono::milliseconds wait) : wait_(wait) {}
    [[nodiscard]] bool is_over() {
        const auto now = Clock::now();
        if (!until_) until_ = now + wait_;
        return now >= *until_;
    }

  private:
    using Clock = std::chrono::steady_clock;
    std::chrono::milliseconds wait_;
    std::optional<Clock::time_point> until_;
};

// A line taken over from a writer that is no more may claim too much in `elsewhere`.
bool FlowStore::Writer::try_hold(std::uint32_t line) const {
    std::uint32_t& writer = store_->memory_.lines[line].writer;
    std::uint32_t present = 0;
    if (flow_access::swap(writer, present, id_)) return true;
    std::atomic_ref(obstacle_).store(present, std::memory_order_relaxed);
    if (present == id_ || !ended_(present)) return false;
    if (!flow_access::swap(writer, present, id_)) return false;
    store_->recount(line);
    return true;
}

std::optional<FlowStore::Writer::Held> FlowStore::Writer::hold(std::uint32_t line, Patience& patience) const {
    std::uint32_t& writer = store_->memory_.lines[line].writer;
    for (int tries = 0;; ++tries) {
        std::uint32_t nobody = 0;
        if (flow_access::swap(writer, nobody, id_)) return Held(store_->memory_.lines[line]);
        if (tries < spins_before_yield) continue;
        if (tries % yields_before_question == 0) {
            if (try_hold(line)) return Held(store_->memory_.lines[line]);
            if (patience.is_over()) return std::nullopt;
        }
        std::this_thread::yield();
    }
}

FlowStore::Inserted FlowStore::Writer::insert(const Name& name, const FlowFacts& facts,
                                              std::chrono::milliseconds wait) const {
    Patience patience(wait);
    const std::uint32_t far_lines = std::min<std::uint32_t>(FLOW_FAR_LINES_MAX, store_->lines() - 1);
    for (;;) {
        const auto held = hold(name.line, patience);
        if (!held) return Inserted::busy;
        if (store_->locate(name)) return Inserted::present;
        auto spot = store_->room_in(name, name.line, 0);
        std::optional<Held> far_held;
        bool gave_way = false;
        for (std::uint32_t far = 1; !spot && !gave_way && far <= far_lines; ++far) {
            const std::uint32_t line = flow_far_line(store_->seeds_, name.line, far, store_->lines());
            if (!store_->room_in(name, line, far)) continue;
            gave_way = !try_hold(line);
            if (gave_way) break;
            far_held.emplace(store_->memory_.lines[line]);
            spot = store_->room_in(name, line, far);
            if (!spot) far_held.reset();
        }
        if (spot) {
            store_->write_entry(place_of(*spot), name, facts);
            store_->note_elsewhere(name, *spot);
            store_->set_tag(*spot, flow_tag_of(name.hash));
            return Inserted::done;
        }
        if (!gave_way) return Inserted::full;
        if (patience.is_over()) return Inserted::busy;
    }
}

// Of a far line the flow's place alone is touched, which nobody else may take before its tag is gone. A lease that was
// judged is over before it goes, so that no packet makes another of it meanwhile.
FlowStore::Erased FlowStore::Writer::erase(const flow_key& key, const Condition& condition, Found* erased,
                                           std::chrono::milliseconds wait) const {
    const Name name = store_->name_of(key);
    Patience patience(wait);
    const auto held = hold(name.line, patience);
    if (!held) return Erased::busy;
    const auto sight = store_->locate(name);
    if (!sight) return Erased::absent;
    const Spot& spot = sight->spot;
    Found found = store_->found_in(place_of(spot), sight->entry);
    while (condition) {
        if (!condition(found.facts)) return Erased::kept;
        if (!packets_move(found.facts.state) || store_->change(found, found.facts.target, FLOW_QUARANTINE)) break;
        found = store_->at(place_of(spot)).value_or(found);
    }
    const flow_state state = found.facts.state;
    store_->set_tag(spot, 0);
    // What came until now; of the same flow, unless another has the place already.
    const auto last = store_->read_entry(place_of(spot));
    if (last && last->is(name)) found = store_->found_in(place_of(spot), *last);
    found.facts.state = state;
    if (spot.far != 0 || spot.word != name.word) store_->recount(name.line);
    if (erased != nullptr) *erased = found;
    return Erased::done;
}

FlowStore::Merged FlowStore::Writer::merge(std::uint32_t place, std::chrono::milliseconds wait) const {
    const auto former = store_->at(place);
    if (!former) return Merged::alone;
    const Name name = store_->name_of(former->key);
    Patience patience(wait);
    const auto held = hold(name.line, patience);
    if (!held) return Merged::busy;
    const auto sight = store_->locate(name);
    if (!sight || place_of(sight->spot) == place) return Merged::alone;
    store_->take_over(place_of(sight->spot), *former);
    store_->set_tag(spot_of(place), 0);
    store_->recount(name.line);
    return Merged::done;
}

// Its own word where that has room, else the one of the line that has most.
std::optional<FlowStore::Spot> FlowStore::room_in(const Name& name, std::uint32_t line, std::uint32_t far) const {
    const std::uint64_t own = far == 0 ? flow_candidates(tags(line, name.word), 0) : 0;
    if (own != 0) return Spot{line, name.word, flow_first_slot(own), far};
    std::uint64_t best = 0;
    std::uint32_t best_word = 0;
    int best_room = 0;
    for (std::uint32_t word = 0; word < FLOW_WORDS; ++word) {
        const std::uint64_t free = flow_candidates(tags(line, word), 0);
        const int room = std::popcount(free);
        if (room <= best_room) continue;
        best = free;
        best_word = word;
        best_room = room;
    }
    if (best_room == 0) return std::nullopt;
    return Spot{line, best_word, flow_first_slot(best), far};
}

void FlowStore::write_entry(std::uint32_t place, const Name& name, const FlowFacts& facts) const {
    std::uint64_t& identity = entry_word(place, address_words_);
    const std::uint64_t generation = (load(identity, std::memory_order_relaxed) + generation_step) & generation_bits;
    store(identity, generation, std::memory_order_relaxed);
    flow_access::fence(std::memory_order_release);
    for (std::size_t i = 0; i < address_words_; ++i)
        store(entry_word(place, i), std::uint64_t{name.addresses[i]}, std::memory_order_relaxed);
    store(entry_word(place, address_words_ + 1),
          std::uint64_t{facts.more} << FLOW_MORE_SHIFT | facts.packets << FLOW_PACKETS_SHIFT | facts.bytes,
          std::memory_order_relaxed);
    store(entry_word(place, address_words_ + 2),
          (facts.touched_ns >> FLOW_SEEN_SHIFT) | std::uint64_t{facts.owner} << 32U, std::memory_order_relaxed);
    const std::uint64_t use =
        static_cast<std::uint64_t>(facts.state) << FLOW_STATE_SHIFT | (facts.target & FLOW_TARGET_MASK);
    store(identity, name.ports | use << 32U | generation | std::uint64_t{name.proto} << (48U + FLOW_PROTO_SHIFT),
          std::memory_order_release);
}

void FlowStore::note_elsewhere(const Name& name, const Spot& spot) const {
    if (spot.far == 0 && spot.word == name.word) return;
    const std::uint32_t others = with_far(elsewhere(name.line) | flow_elsewhere_bit(name.hash), spot.far);
    store(memory_.lines[name.line].elsewhere, others, std::memory_order_release);
}

// What flows of `line` that live in line `in`, its `far`th, have to say. The flows of `line` stand still, since we are
// its writer; what else is in `in` may be under way, and is none of ours.
std::uint32_t FlowStore::count_elsewhere(std::uint32_t line, std::uint32_t in, std::uint32_t far) const {
    std::uint32_t others = 0;
    for (std::uint32_t slot = 0; slot < FLOW_LINE_PLACES; ++slot) {
        const auto found = at(in * FLOW_LINE_PLACES + slot);
        if (!found) continue;
        const Name name = name_of(found->key);
        if (name.line != line || (far == 0 && name.word == slot / FLOW_SLOTS)) continue;
        others = with_far(others | flow_elsewhere_bit(name.hash), far);
    }
    return others;
}

void FlowStore::recount(std::uint32_t line) const {
    const std::uint32_t far_lines = flow_far_lines(elsewhere(line));
    std::uint32_t others = count_elsewhere(line, line, 0);
    for (std::uint32_t far = 1; far <= far_lines && far < lines(); ++far) {
        const std::uint32_t more = count_elsewhere(line, flow_far_line(seeds_, line, far, lines()), far);
        others = std::max(others & ~((1U << FLOW_FAR_SHIFT) - 1), more & ~((1U << FLOW_FAR_SHIFT) - 1)) |
                 ((others | more) & ((1U << FLOW_FAR_SHIFT) - 1));
    }
    store(memory_.lines[line].elsewhere, others, std::memory_order_release);
}

}  // namespace xdemux
