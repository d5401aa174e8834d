// SPDX-License-Identifier: BSD-2-Clause
// The flow table of one family, over its memory: look up, walk, insert, erase, change. The invariants are those of
// <xdemux/flow_layout.h>. It makes no system call and knows no map, so that it is tested on plain memory;
// <xdemux/kernel/flow_table.h> brings maps, processes and both families.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include <xdemux/contract.h>
#include <xdemux/flow_layout.h>

namespace xdemux {

/// What is known of a flow, beside its key.
struct FlowFacts {
    std::uint16_t target = contract::TARGET_PASS;  ///< enum target_kind; 12 bits
    contract::flow_state state = contract::FLOW_ESTABLISHED;
    std::uint32_t owner = 0;  ///< of a lease: whoever made it says
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;  ///< frame lengths at XDP
    /// When it was inserted, or its last packet came: CLOCK_MONOTONIC_COARSE, rounded down to 2^26 ns.
    std::uint64_t touched_ns = 0;
    bool more = false;  ///< whether there may be more packets and bytes in flow_carries

    [[nodiscard]] std::uint64_t last_seen_ns() const { return packets == 0 ? 0 : touched_ns; }  ///< 0: never
    friend constexpr bool operator==(const FlowFacts&, const FlowFacts&) = default;
};

class FlowStore {
  public:
    struct Memory {
        std::span<contract::flow_line> lines;  ///< a prime of them
        std::span<std::uint64_t> entries;      ///< contract::flow_ipv4 or flow_ipv6, FLOW_LINE_PLACES for each line
    };
    /// A flow as it stands in a place. `life` tells it from those that use the place before and after.
    struct Found {
        std::uint32_t place = 0;
        std::uint16_t life = 0;
        contract::flow_key key{};
        FlowFacts facts;  ///< without what is in flow_carries
    };
    /// A key as the entries have it, and where it belongs: hashed once for all that is done to its flow.
    struct Name {
        std::array<__u64, 4> addresses{};
        std::uint32_t ports = 0;
        std::uint32_t proto = 0;
        std::uint64_t hash = 0;
        std::uint32_t line = 0, word = 0;
    };
    enum class Inserted : std::uint8_t { done, present, full, busy };
    enum class Erased : std::uint8_t { done, absent, kept, busy };
    enum class Merged : std::uint8_t { done, alone, busy };
    using Condition = std::function<bool(const FlowFacts&)>;

    /// Lines that hold `flows` at three quarters of their places.
    static std::uint32_t lines_for(std::uint32_t flows);

    /// `seeds` outlive it.
    FlowStore(contract::family family, const contract::flow_seeds& seeds, const Memory& memory);

    [[nodiscard]] std::uint32_t places() const { return lines() * contract::FLOW_LINE_PLACES; }
    /// How many flows there are, and of them how many are not in their own word, or their own line.
    struct Count {
        std::uint64_t flows = 0, near = 0, far = 0;
    };
    [[nodiscard]] std::uint64_t size() const;
    [[nodiscard]] Count count() const;

    [[nodiscard]] Name name_of(const contract::flow_key& key) const;
    [[nodiscard]] std::optional<Found> find(const contract::flow_key& key) const;
    /// The flow in a place, if there is one. A walk over all places meets a flow that stays once.
    [[nodiscard]] std::optional<Found> at(std::uint32_t place) const;
    /// The tag that stands at a place; 0: it is free.
    [[nodiscard]] std::uint32_t tag_at(std::uint32_t place) const;
    /// Makes target and state others. false: it is not there any more, or is not as `expected` in these two.
    bool change(const Found& expected, std::uint16_t target, contract::flow_state state) const;

    /// Writes in the name of `id`, which no other living writer has. Several threads may share it.
    class Writer {
      public:
        /// Whether that writer lives no more, and never will again.
        using Ended = std::function<bool(std::uint32_t id)>;
        static constexpr std::chrono::milliseconds default_wait{2000};

        Writer(const FlowStore& store, std::uint32_t id, Ended ended)
            : store_(&store), id_(id), ended_(std::move(ended)) {}

        /// Insert-if-absent. busy: another writer holds a line that it needs, for longer than `wait`.
        Inserted insert(const Name& name, const FlowFacts& facts, std::chrono::milliseconds wait = default_wait) const;
        Inserted insert(const contract::flow_key& key, const FlowFacts& facts,
                        std::chrono::milliseconds wait = default_wait) const {
            return insert(store_->name_of(key), facts, wait);
        }
        /// kept: `condition` does not hold for it. A lease goes in the very state for which it did. What was erased
        /// goes to `erased`.
        Erased erase(const contract::flow_key& key, const Condition& condition = {}, Found* erased = nullptr,
                     std::chrono::milliseconds wait = default_wait) const;
        /// Of a flow with two entries, the one at `place`, which no look-up of today leads to, goes; what it counted
        /// and what became of the flow is the other one's then. alone: there is no other. Killed at the worst moment,
        /// it loses what that entry counted.
        Merged merge(std::uint32_t place, std::chrono::milliseconds wait = default_wait) const;
        /// Who held the line that was waited for last, by whichever thread; 0: nobody did.
        [[nodiscard]] std::uint32_t obstacle() const {
            return std::atomic_ref(obstacle_).load(std::memory_order_relaxed);
        }

      private:
        friend class FlowStore;
        class Held;
        class Patience;
        [[nodiscard]] std::optional<Held> hold(std::uint32_t line, Patience& patience) const;
        [[nodiscard]] bool try_hold(std::uint32_t line) const;

        const FlowStore* store_;
        std::uint32_t id_;
        Ended ended_;
        mutable std::uint32_t obstacle_ = 0;
    };

    /// Asks the memory that an insertion will need, so that it is there in time.
    void prefetch_line(const Name& name) const;
    void prefetch_entry(const Name& name) const;

  private:
    struct Spot {
        std::uint32_t line, word, slot;
        std::uint32_t far;  ///< which of the far lines, 0: its own line
    };
    /// What stood in a place, all at one moment.
    struct Entry {
        std::array<__u64, 4> addresses{};
        std::uint64_t identity = 0, traffic = 0, rest = 0;

        [[nodiscard]] std::uint32_t ports() const { return static_cast<std::uint32_t>(identity); }
        [[nodiscard]] std::uint32_t proto() const {
            return static_cast<std::uint32_t>(identity >> (48U + contract::FLOW_PROTO_SHIFT));
        }
        [[nodiscard]] bool is(const Name& name) const {
            return addresses == name.addresses && ports() == name.ports && proto() == name.proto;
        }
    };
    struct Sight {
        Spot spot;
        Entry entry;
    };

    [[nodiscard]] std::uint32_t lines() const { return static_cast<std::uint32_t>(memory_.lines.size()); }
    [[nodiscard]] std::uint64_t tags(std::uint32_t line, std::uint32_t word) const;
    void set_tag(const Spot& spot, std::uint32_t tag) const;
    [[nodiscard]] std::uint32_t elsewhere(std::uint32_t line) const;
    [[nodiscard]] std::uint64_t& entry_word(std::uint32_t place, std::size_t index) const;
    [[nodiscard]] static std::uint32_t place_of(const Spot& spot);
    [[nodiscard]] static Spot spot_of(std::uint32_t place);

    [[nodiscard]] std::optional<Entry> read_entry(std::uint32_t place) const;
    [[nodiscard]] Found found_in(std::uint32_t place, const Entry& entry) const;
    [[nodiscard]] std::optional<Sight> find_in_word(const Name& name, std::uint32_t line, std::uint32_t word,
                                                    std::uint32_t far) const;
    [[nodiscard]] std::optional<Sight> find_in_line(const Name& name, std::uint32_t line, std::uint32_t far) const;
    [[nodiscard]] std::optional<Sight> locate(const Name& name) const;

    [[nodiscard]] std::optional<Spot> room_in(const Name& name, std::uint32_t line, std::uint32_t far) const;
    void write_entry(std::uint32_t place, const Name& name, const FlowFacts& facts) const;
    void note_elsewhere(const Name& name, const Spot& spot) const;
    [[nodiscard]] std::uint32_t count_elsewhere(std::uint32_t line, std::uint32_t in, std::uint32_t far) const;
    void recount(std::uint32_t line) const;
    void take_over(std::uint32_t to, const Found& from) const;

    contract::family family_;
    const contract::flow_seeds* seeds_;
    Memory memory_;
    std::size_t address_words_;  ///< the identity word comes after them
    std::size_t entry_words_;
};

}  // namespace xdemux
