// SPDX-License-Identifier: BSD-2-Clause
// One bit of an entry, behind a tag that fits: each bit of the key tells flows apart, the others do not.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "data_path.h"
#include "table.h"

namespace xdemux::test::entry_test {
namespace {

using namespace contract;

class EntryBits : public ::testing::TestWithParam<family> {
  protected:
    /// How often the place was used, what is made of its packets, its counters and its owner are not the key.
    [[nodiscard]] static bool is_key(std::size_t bit) {
        const std::size_t addresses = GetParam() == FAMILY_IPV6 ? 32 : 8;
        const std::size_t byte = bit / 8;
        if (byte < addresses + 4) return true;
        return bit == 8 * (addresses + 8) - 1;  // the protocol
    }
    [[nodiscard]] static std::size_t entry_size() {
        return GetParam() == FAMILY_IPV6 ? sizeof(flow_ipv6) : sizeof(flow_ipv4);
    }

    /// Of a table with one flow; `look` is told whether the bit is one of the key.
    static void flip_each_bit_of_one_entry(Where where, const std::function<void(const Table&, bool of_key)>& look) {
        const Table table(GetParam(), where);
        ASSERT_EQ(table.insert(table.first()), FlowStore::Inserted::done);
        const auto found = table.store().find(table.first().key);
        ASSERT_TRUE(found);
        auto* const entry =
            reinterpret_cast<std::uint8_t*>(table.lines().data() + table.lines().size()) + found->place * entry_size();
        for (std::size_t bit = 0; bit < 8 * entry_size(); ++bit) {
            SCOPED_TRACE(bit);
            entry[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            look(table, is_key(bit));
            entry[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        }
    }
};

TEST_P(EntryBits, of_the_key_tell_flows_apart) {
    flip_each_bit_of_one_entry(Where::near, [](const Table& table, bool of_key) {
        __u32 use = 0;
        EXPECT_EQ(table.store().find(table.first().key).has_value(), !of_key);
        EXPECT_EQ(path_find(&table.first().key, &use) == PATH_FOUND, !of_key);
    });
}

/// As above, of the first candidate of a flow's own word.
TEST_P(EntryBits, of_the_key_tell_flows_apart_in_the_fast_lane) {
    flip_each_bit_of_one_entry(Where::home, [](const Table& table, bool of_key) {
        __u32 use = 0;
        EXPECT_EQ(path_find_in_fast_lane(&table.first().key, &use), of_key ? PATH_UNSURE : PATH_FOUND);
    });
}

INSTANTIATE_TEST_SUITE_P(families, EntryBits, ::testing::Values(FAMILY_IPV4, FAMILY_IPV6),
                         [](const auto& each) { return each.param == FAMILY_IPV6 ? "ipv6" : "ipv4"; });

}  // namespace
}  // namespace xdemux::test::entry_test
