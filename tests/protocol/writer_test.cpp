// SPDX-License-Identifier: BSD-2-Clause
// Two writers: wherever the second comes in between two accesses of the first, what both say they did is what one after
// the other could have done, and the table holds just that.
#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "interruptions.h"
#include "table.h"

namespace xdemux::test::writer_test {
namespace {

using namespace contract;

enum class Deed : std::uint8_t { insert, insert_by_path, erase };

struct Act {
    Deed deed;
    const Flow& (Table::*flow)() const;
};

/// What an act came to.
enum class Came : std::uint8_t { done, no_change, busy };

Came act(const Table& table, const Act& what, std::uint32_t writer) {
    const Flow& flow = (table.*what.flow)();
    if (what.deed == Deed::erase) {
        const auto erased = table.erase(flow, writer);
        if (erased == FlowStore::Erased::busy) return Came::busy;
        return erased == FlowStore::Erased::done ? Came::done : Came::no_change;
    }
    const auto inserted = what.deed == Deed::insert ? table.insert(flow, writer) : table.insert_by_path(flow);
    EXPECT_NE(inserted, FlowStore::Inserted::full);
    if (inserted == FlowStore::Inserted::busy) return Came::busy;
    return inserted == FlowStore::Inserted::done ? Came::done : Came::no_change;
}

using Flows = std::vector<const Flow*>;

/// What the act comes to alone, and what it makes of the flows.
Came predict(const Table& table, const Act& what, Flows& flows) {
    const Flow* flow = &(table.*what.flow)();
    const bool there = std::erase(flows, flow) != 0;
    if (what.deed != Deed::erase) flows.push_back(flow);
    return there == (what.deed == Deed::erase) ? Came::done : Came::no_change;
}

/// Whether the two, in this order, come to what they came to; who was busy did nothing. `flows` are there then.
bool explains(const Table& table, const std::array<std::pair<Act, Came>, 2>& order, Flows& flows) {
    for (const auto& [what, came] : order)
        if (came != Came::busy && predict(table, what, flows) != came) return false;
    return true;
}

struct Case {
    std::string name;
    contract::family family;
    Where where;
    bool there;  ///< whether first() is there before
    Act act, intrusion;
};

class Writers : public ::testing::TestWithParam<Case> {
  protected:
    Writers() {
        if (GetParam().there) {
            EXPECT_EQ(table_.insert(table_.first()), FlowStore::Inserted::done);
        }
        before_.assign(table_.memory().begin(), table_.memory().end());
    }

    /// Whether the act has so many accesses.
    bool interrupt(std::size_t nth) {
        std::memcpy(table_.memory().data(), before_.data(), before_.size());
        Came intruded = Came::busy;
        Interruption interruption(nth, [&] { intruded = act(table_, GetParam().intrusion, Table::other_writer); });
        Came acted = Came::busy;
        {
            const Watching watching(interruption);
            acted = act(table_, GetParam().act, Table::writer);
        }
        if (!interruption.happened()) return false;
        EXPECT_NE(acted, Came::busy) << "the intruder was through before it went on";
        const std::pair one(GetParam().act, acted), other(GetParam().intrusion, intruded);
        const Flows were = GetParam().there ? Flows{&table_.first()} : Flows{};
        Flows flows = were;
        if (!explains(table_, {one, other}, flows)) {
            flows = were;
            EXPECT_TRUE(explains(table_, {other, one}, flows)) << "neither order comes to that";
        }
        EXPECT_EQ(table_.trouble(flows), "");
        outcomes_.insert(intruded);
        return true;
    }

    Table table_{GetParam().family, GetParam().where};
    std::vector<std::byte> before_;
    std::set<Came> outcomes_;  ///< what intrusions came to
};

TEST_P(Writers, do_what_one_after_the_other_could_have_done) {
    std::size_t nth = 0;
    while (interrupt(nth) && !HasFailure()) {
        SCOPED_TRACE(nth);
        ++nth;
    }
    EXPECT_GT(nth, 3U);
    EXPECT_TRUE(outcomes_.contains(Came::busy) || outcomes_.contains(Came::done));
}

std::vector<Case> cases() {
    const std::vector<std::pair<std::string, Act>> acts = {
        {"insert", {Deed::insert, &Table::first}},
        {"path_insert", {Deed::insert_by_path, &Table::first}},
        {"erase", {Deed::erase, &Table::first}},
    };
    const std::vector<std::pair<std::string, Act>> intrusions = {
        {"the_same", {Deed::insert, &Table::first}},
        {"the_same_by_path", {Deed::insert_by_path, &Table::first}},
        {"second", {Deed::insert, &Table::second}},
        {"second_by_path", {Deed::insert_by_path, &Table::second}},
        {"sister", {Deed::insert, &Table::sister}},
        {"neighbour", {Deed::insert, &Table::neighbour}},
        {"neighbour_by_path", {Deed::insert_by_path, &Table::neighbour}},
        {"erasure", {Deed::erase, &Table::first}},
    };
    std::vector<Case> all;
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        for (const Where where : {Where::home, Where::near, Where::far})
            for (const auto& [name, deed] : acts)
                for (const auto& [other, intrusion] : intrusions)
                    for (const bool there : {false, true}) {
                        const auto needs_room = [&](const Act& each) {
                            return each.deed == Deed::insert_by_path && each.flow != &Table::neighbour;
                        };
                        // The data path finds room in a flow's own line alone.
                        if (where == Where::far && (needs_room(deed) || needs_room(intrusion))) continue;
                        all.push_back({(family == FAMILY_IPV6 ? "ipv6_" : "ipv4_") + name_of(where) + "_" + name +
                                           (there ? "_of_one_there_with_" : "_with_") + other,
                                       family, where, there, deed, intrusion});
                    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(all, Writers, ::testing::ValuesIn(cases()), [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace xdemux::test::writer_test
