// SPDX-License-Identifier: BSD-2-Clause
// A writer that is killed before any of its accesses, and an heir that may be killed too: who comes then finds every
// flow that was there, the one under change wholly or not at all, takes the lines over, and leaves nothing behind.
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "interruptions.h"
#include "table.h"

namespace xdemux::test::death_test {
namespace {

using namespace contract;

struct Case {
    contract::family family;
    Where where;
    bool insert;
};

/// What deaths leave behind: between two loads always the same.
class States {
  public:
    [[nodiscard]] bool is_new(const std::vector<std::byte>& bytes) { return all_.insert(bytes).second; }
    [[nodiscard]] std::size_t count() const { return all_.size(); }

  private:
    std::set<std::vector<std::byte>> all_;
};

class Deaths : public ::testing::TestWithParam<Case> {
  protected:
    Deaths() {
        if (!GetParam().insert) {
            EXPECT_EQ(table_.insert(table_.first()), FlowStore::Inserted::done);
        }
        before_ = copy();
    }
    [[nodiscard]] std::vector<std::byte> copy() const { return {table_.memory().begin(), table_.memory().end()}; }
    void restore(const std::vector<std::byte>& bytes) const {
        std::memcpy(table_.memory().data(), bytes.data(), bytes.size());
    }
    void change() const {
        if (GetParam().insert) {
            (void)table_.insert(table_.first(), Table::dead_writer);
        } else {
            (void)table_.erase(table_.first(), Table::dead_writer);
        }
    }
    /// Whether the victim died there; the table is as it left it.
    [[nodiscard]] bool kill_at(std::size_t nth) const {
        restore(before_);
        return Death(nth).kills([&] { change(); });
    }

    /// The line's writers come and go, and have nothing to do with the flow that was under change: in its own line,
    /// and in the one where it would be far.
    void check_heirs() const {
        const bool there = table_.store().find(table_.first().key).has_value();
        std::vector<const Flow*> flows;
        if (there) flows.push_back(&table_.first());
        for (const Flow* heir : {&table_.sister(), &table_.neighbour()}) {
            EXPECT_EQ(table_.insert(*heir), FlowStore::Inserted::done);
            EXPECT_EQ(table_.erase(*heir), FlowStore::Erased::done);
        }
        EXPECT_EQ(table_.trouble(flows), "");
        EXPECT_EQ(table_.insert(table_.first()), there ? FlowStore::Inserted::present : FlowStore::Inserted::done);
        EXPECT_EQ(table_.trouble({&table_.first()}), "");
        EXPECT_EQ(table_.erase(table_.first()), FlowStore::Erased::done);
        EXPECT_EQ(table_.trouble({}), "");
    }

    Table table_{GetParam().family, GetParam().where};
    std::vector<std::byte> before_;
};

TEST_P(Deaths, leave_a_table_that_others_go_on_with) {
    States states;
    for (std::size_t nth = 0; kill_at(nth) && !HasFailure(); ++nth) {
        if (!states.is_new(copy())) continue;
        SCOPED_TRACE(nth);
        for (const Flow& flow : table_.crowd())
            EXPECT_EQ(table_.trouble_of_look_up(flow), "") << "before anyone has taken over";
        check_heirs();
    }
    EXPECT_GE(states.count(), 3U);
}

/// Each heir that is killed leaves a line to the next, whose writer is the heir then.
TEST_P(Deaths, of_heirs_leave_such_a_table_too) {
    States states, heirs_states;
    for (std::size_t nth = 0; kill_at(nth); ++nth) {
        const auto left = copy();
        if (!states.is_new(left)) continue;
        for (std::size_t later = 0; !HasFailure(); ++later) {
            restore(left);
            const Death::Work work = [&] { (void)table_.insert(table_.sister(), Table::dead_writer_too); };
            if (!Death(later).kills(work)) break;
            if (!heirs_states.is_new(copy())) continue;
            SCOPED_TRACE(std::to_string(nth) + ", then " + std::to_string(later));
            (void)table_.erase(table_.sister());
            check_heirs();
        }
    }
    EXPECT_GE(heirs_states.count(), 8U);
}

/// Both find the line of a writer that is no more: one gets it, and nothing that the other does is lost.
TEST_P(Deaths, leave_a_line_to_one_of_two_heirs) {
    States states;
    for (std::size_t nth = 0; kill_at(nth) && !HasFailure(); ++nth) {
        const auto left = copy();
        if (!states.is_new(left)) continue;
        for (std::size_t later = 0; !HasFailure(); ++later) {
            SCOPED_TRACE(std::to_string(nth) + ", then " + std::to_string(later));
            restore(left);
            auto other = FlowStore::Inserted::busy;
            Interruption interruption(later, [&] { other = table_.insert(table_.first(), Table::other_writer); });
            auto one = FlowStore::Inserted::busy;
            {
                const Watching watching(interruption);
                one = table_.insert(table_.sister());
            }
            if (!interruption.happened()) break;
            if (one != FlowStore::Inserted::busy) {
                EXPECT_EQ(table_.trouble_of_look_up(table_.sister()), "");
            }
            if (other != FlowStore::Inserted::busy) {
                EXPECT_EQ(table_.trouble_of_look_up(table_.first()), "");
            }
            EXPECT_TRUE(one == FlowStore::Inserted::done || other != FlowStore::Inserted::busy);
            EXPECT_NE(table_.erase(table_.sister()), FlowStore::Erased::busy);
            check_heirs();
        }
    }
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        for (const Where where : {Where::home, Where::near, Where::far})
            for (const bool insert : {true, false})
                all.push_back({family, where, insert});
    return all;
}

INSTANTIATE_TEST_SUITE_P(all, Deaths, ::testing::ValuesIn(cases()), [](const auto& each) {
    return std::string(each.param.family == FAMILY_IPV6 ? "ipv6_" : "ipv4_") + name_of(each.param.where) +
           (each.param.insert ? "_insert" : "_erase");
});

}  // namespace
}  // namespace xdemux::test::death_test
