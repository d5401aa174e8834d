// SPDX-License-Identifier: BSD-2-Clause
// A watched table with a cast of flows: some that stay, and a few of one place that come and go. What stands in it is
// held against the layout, told here a second time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <xdemux/kernel/flow_store.h>

#include "data_path.h"
#include "support/flow_world.h"

namespace xdemux::test {

/// Where the flows that come and go live: in their own word, in another of their line, in another line.
enum class Where : std::uint8_t { home, near, far };
std::string name_of(Where where);

struct Flow {
    contract::flow_key key{};
    FlowFacts facts;
};

/// Those that the data path inserts have no owner.
bool has_facts_of(const FlowStore::Found& found, const Flow& flow);

class Table {
  public:
    static constexpr std::uint32_t writer = 1, other_writer = 2, dead_writer = 3, dead_writer_too = 4;

    Table(contract::family family, Where where);

    /// Those that are there all the time.
    [[nodiscard]] const std::vector<Flow>& crowd() const { return crowd_; }
    /// One of their own line and word, with one tag: `first` and `second` take turns in one place.
    [[nodiscard]] const Flow& first() const { return first_; }
    [[nodiscard]] const Flow& second() const { return second_; }
    /// The second one's addresses and the first one's ports, of the same word and tag: never inserted.
    [[nodiscard]] const contract::flow_key& mixture() const { return mixture_; }
    /// first() with another target and state, and again others: what changes make of it.
    [[nodiscard]] const Flow& changed() const { return changed_; }
    [[nodiscard]] const Flow& changed_otherwise() const { return changed_otherwise_; }
    /// Of another line: of the very place where first() lives, if it is far.
    [[nodiscard]] const Flow& neighbour() const { return neighbour_; }
    /// Of the same line, with room in its own word.
    [[nodiscard]] const Flow& sister() const { return sister_; }

    [[nodiscard]] const FlowStore& store() const { return world_.store(); }
    [[nodiscard]] std::span<contract::flow_line> lines() const { return world_.lines(); }
    [[nodiscard]] std::span<std::byte> memory() const {
        return {static_cast<std::byte*>(world_.memory().data()), world_.memory().size()};
    }
    [[nodiscard]] std::uint32_t line_of(const Flow& flow) const {
        return static_cast<std::uint32_t>(world_.home(flow.key) >> 32U);
    }

    /// Of the entry in a place, whether look-ups are led there or not.
    [[nodiscard]] contract::flow_state state_in(std::uint32_t place) const;

    /// In the name of `id`; the dead ones live no more. They never wait.
    [[nodiscard]] FlowStore::Inserted insert(const Flow& flow, std::uint32_t id = writer) const;
    [[nodiscard]] FlowStore::Erased erase(const Flow& flow, std::uint32_t id = writer) const;
    /// By the data path; no room in the flow's own line is `full`.
    [[nodiscard]] FlowStore::Inserted insert_by_path(const Flow& flow) const;

    /// What is wrong with the table where these flows and the crowd stand in it, and nobody writes; empty: nothing.
    [[nodiscard]] std::string trouble(const std::vector<const Flow*>& flows) const;
    [[nodiscard]] std::string trouble_of_look_up(const Flow& flow) const;

  private:
    [[nodiscard]] Flow make(const contract::flow_key& key);
    [[nodiscard]] Flow make_at(std::uint32_t line, std::uint32_t word);
    [[nodiscard]] std::uint32_t elsewhere_of(std::uint32_t line) const;
    [[nodiscard]] FlowStore::Writer writer_of(std::uint32_t id) const;

    FlowWorld world_;
    std::uint32_t made_ = 0;
    std::vector<Flow> crowd_;
    Flow first_, second_, changed_, changed_otherwise_, neighbour_, sister_;
    contract::flow_key mixture_{};
};

}  // namespace xdemux::test
