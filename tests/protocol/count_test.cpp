// SPDX-License-Identifier: BSD-2-Clause
// A packet moves the state of the flow that it matched, and of no other that has taken its place meanwhile.
#include <algorithm>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "data_path.h"
#include "interruptions.h"
#include "table.h"

namespace xdemux::test::count_test {
namespace {

using namespace contract;

constexpr std::uint32_t bytes = 60, reset = 0x04;

class Count : public ::testing::TestWithParam<contract::family> {
  protected:
    void lease(const Flow& flow) {
        ASSERT_EQ(table_.insert(flow), FlowStore::Inserted::done);
        const auto found = table_.store().find(flow.key);
        ASSERT_TRUE(found);
        ASSERT_TRUE(table_.store().change(*found, found->facts.target, FLOW_LEASED));
    }
    [[nodiscard]] flow_state state_of(const Flow& flow) const { return table_.store().find(flow.key)->facts.state; }

    const Table table_{GetParam(), Where::near};
};

TEST_P(Count, moves_the_flow_that_was_matched) {
    lease(table_.first());
    path_count(path_match(&table_.first().key), GetParam(), bytes, 0);
    EXPECT_EQ(state_of(table_.first()), FLOW_IN_USE);
    path_count(path_match(&table_.first().key), GetParam(), bytes, reset);
    EXPECT_EQ(state_of(table_.first()), FLOW_QUARANTINE);
}

TEST_P(Count, leaves_the_next_flow_in_its_place_alone) {
    lease(table_.first());
    const auto place = table_.store().find(table_.first().key)->place;
    const __u64 match = path_match(&table_.first().key);
    ASSERT_EQ(table_.erase(table_.first()), FlowStore::Erased::done);
    lease(table_.second());
    ASSERT_EQ(table_.store().find(table_.second().key)->place, place);
    path_count(match, GetParam(), bytes, reset);
    EXPECT_EQ(state_of(table_.second()), FLOW_LEASED);
}

// Wherever its first packet comes in between two accesses of who gives an unused lease back.
TEST_P(Count, of_an_unused_lease_and_its_erasure_only_one_is_done) {
    const auto unused = [](const FlowFacts& facts) { return facts.state == FLOW_LEASED; };
    const FlowStore::Writer writer(table_.store(), Table::writer, [](std::uint32_t) { return false; });
    lease(table_.first());
    const auto place = table_.store().find(table_.first().key)->place;
    const std::vector<std::byte> before(table_.memory().begin(), table_.memory().end());
    std::size_t nth = 0, erasures = 0;
    for (bool happened = true; happened; ++nth) {
        SCOPED_TRACE(nth);
        std::ranges::copy(before, table_.memory().begin());
        const __u64 match = path_match(&table_.first().key);
        bool moved = false;
        Interruption packet(nth, [&] {
            path_count(match, GetParam(), bytes, 0);
            moved = table_.state_in(place) == FLOW_IN_USE;
        });
        FlowStore::Found erased;
        auto result = FlowStore::Erased::busy;
        {
            const Watching watching(packet);
            result = writer.erase(table_.first().key, unused, &erased);
        }
        happened = packet.happened();
        EXPECT_EQ(result, moved ? FlowStore::Erased::kept : FlowStore::Erased::done);
        if (result != FlowStore::Erased::done) continue;
        EXPECT_EQ(erased.facts.state, FLOW_LEASED);
        ++erasures;
    }
    EXPECT_GT(nth, 6U);
    EXPECT_GT(erasures, 1U) << "the last one, which nothing interrupts, among them";
}

INSTANTIATE_TEST_SUITE_P(families, Count, ::testing::Values(FAMILY_IPV4, FAMILY_IPV6),
                         [](const auto& each) { return each.param == FAMILY_IPV6 ? "ipv6" : "ipv4"; });

}  // namespace
}  // namespace xdemux::test::count_test
