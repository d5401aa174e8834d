// SPDX-License-Identifier: BSD-2-Clause
// A packet moves the state of the flow that it matched, and of no other that has taken its place meanwhile.
#include <gtest/gtest.h>

#include "data_path.h"
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

INSTANTIATE_TEST_SUITE_P(families, Count, ::testing::Values(FAMILY_IPV4, FAMILY_IPV6),
                         [](const auto& each) { return each.param == FAMILY_IPV6 ? "ipv6" : "ipv4"; });

}  // namespace
}  // namespace xdemux::test::count_test
