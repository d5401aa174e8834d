// SPDX-License-Identifier: BSD-2-Clause
// Change: wherever another writer comes in between two accesses of it, it changes the flow that it was meant for, and
// as it was, or nothing.
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "interruptions.h"
#include "table.h"

namespace xdemux::test::change_test {
namespace {

using namespace contract;

bool change(const Table& table, const FlowStore::Found& from, const Flow& to) {
    return table.store().change(from, to.facts.target, to.facts.state);
}

/// Whoever comes in between.
struct Intrusion {
    std::string name;
    std::function<bool(const Table&, const FlowStore::Found&)> act;  ///< whether it did anything
    /// What is there in the end where the change was made, and where it was not.
    const Flow* (*with_change)(const Table&);
    const Flow* (*without)(const Table&);
    bool excludes = false;  ///< of it and the change only one may be made
};

std::vector<Intrusion> intrusions() {
    const auto erase = [](const Table& table, const FlowStore::Found&) {
        return table.erase(table.first(), Table::other_writer) == FlowStore::Erased::done;
    };
    const auto then_insert = [erase](const Flow& (Table::*flow)() const) {
        return [erase, flow](const Table& table, const FlowStore::Found& first) {
            return erase(table, first) &&
                   table.insert((table.*flow)(), Table::other_writer) == FlowStore::Inserted::done;
        };
    };
    const auto change_otherwise = [](const Table& table, const FlowStore::Found& first) {
        return change(table, first, table.changed_otherwise());
    };
    const auto nothing = [](const Table&) -> const Flow* { return nullptr; };
    const auto first = [](const Table& table) { return &table.first(); };
    const auto second = [](const Table& table) { return &table.second(); };
    const auto changed = [](const Table& table) { return &table.changed(); };
    const auto changed_otherwise = [](const Table& table) { return &table.changed_otherwise(); };
    return {
        {"erasure", erase, nothing, nothing},
        {"another_in_its_place", then_insert(&Table::second), second, second},
        {"the_same_anew", then_insert(&Table::first), first, first},
        {"another_change", change_otherwise, changed, changed_otherwise, true},
    };
}

struct Case {
    std::string name;
    contract::family family;
    Where where;
    Intrusion intrusion;
};

class Changes : public ::testing::TestWithParam<Case> {
  protected:
    Changes() {
        EXPECT_EQ(table_.insert(table_.first()), FlowStore::Inserted::done);
        first_ = table_.store().find(table_.first().key);
        before_.assign(table_.memory().begin(), table_.memory().end());
    }

    /// Whether the change has so many accesses.
    bool interrupt(std::size_t nth) {
        const Intrusion& intrusion = GetParam().intrusion;
        std::memcpy(table_.memory().data(), before_.data(), before_.size());
        bool intruded = false, changed = false;
        Interruption interruption(nth, [&] { intruded = intrusion.act(table_, *first_); });
        {
            const Watching watching(interruption);
            changed = change(table_, *first_, table_.changed());
        }
        if (!interruption.happened()) return false;
        EXPECT_NE(intruded, intrusion.excludes && changed);
        const Flow* const there = (changed ? intrusion.with_change : intrusion.without)(table_);
        EXPECT_EQ(table_.trouble(there != nullptr ? std::vector{there} : std::vector<const Flow*>{}), "");
        return true;
    }

    Table table_{GetParam().family, GetParam().where};
    std::optional<FlowStore::Found> first_;
    std::vector<std::byte> before_;
};

TEST_P(Changes, are_of_their_own_flow_alone) {
    ASSERT_TRUE(first_);
    std::size_t nth = 0;
    while (interrupt(nth) && !HasFailure()) {
        SCOPED_TRACE(nth);
        ++nth;
    }
    EXPECT_GT(nth, 3U);
    std::memcpy(table_.memory().data(), before_.data(), before_.size());
    EXPECT_TRUE(change(table_, *first_, table_.changed())) << "where nobody comes in between";
    EXPECT_EQ(table_.trouble({&table_.changed()}), "");
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        for (const Where where : {Where::home, Where::near, Where::far})
            for (const Intrusion& intrusion : intrusions())
                all.push_back({(family == FAMILY_IPV6 ? "ipv6_" : "ipv4_") + name_of(where) + "_" + intrusion.name,
                               family, where, intrusion});
    return all;
}

INSTANTIATE_TEST_SUITE_P(all, Changes, ::testing::ValuesIn(cases()), [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace xdemux::test::change_test
