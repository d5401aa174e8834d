// SPDX-License-Identifier: BSD-2-Clause
// The flow table's algorithm on plain memory.
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/kernel/flow_store.h>

#include "support/flow_world.h"

namespace xdemux::test::kernel_flow_store {
namespace {

using namespace contract;

flow_seeds some_seeds(unsigned seed = 1) {
    std::mt19937_64 random(seed);
    flow_seeds seeds{};
    seeds.mix = random() | 1;
    for (auto& word : seeds.words)
        word = static_cast<std::uint32_t>(random());
    return seeds;
}

/// A table on the heap.
struct Table {
    Table(contract::family family, std::uint32_t flows)
        : lines(FlowStore::lines_for(flows)),
          entries(lines.size() * FLOW_LINE_PLACES * (family == FAMILY_IPV6 ? sizeof(flow_ipv6) : sizeof(flow_ipv4)) /
                  8),
          store(family, seeds, {lines, entries}),
          writer(store, 1, [](std::uint32_t) { return false; }) {}

    flow_seeds seeds = some_seeds();
    std::vector<flow_line> lines;
    std::vector<std::uint64_t> entries;
    FlowStore store;
    FlowStore::Writer writer;
};

flow_key key_of(contract::family family, std::uint32_t number) {
    flow_key key{};
    key.family = static_cast<__u8>(family);
    key.proto = number % 2 == 0 ? PROTO_TCP : PROTO_UDP;
    key.local_addr[0] = 192;
    key.local_addr[3] = static_cast<__u8>(number % 3);
    std::memcpy(key.remote_addr + (family == FAMILY_IPV6 ? 12 : 0), &number, sizeof number);
    key.local_port = 443;
    key.remote_port = static_cast<__u16>(number >> 8U | 1);
    return key;
}

class FlowStoreTest : public ::testing::TestWithParam<contract::family> {};

TEST_P(FlowStoreTest, finds_what_was_inserted_and_nothing_else) {
    const Table table(GetParam(), 1000);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        FlowFacts facts{TARGET_DROP, FLOW_LEASED, i, i, 60 * i, std::uint64_t{i} << FLOW_SEEN_SHIFT};
        ASSERT_EQ(table.writer.insert(key_of(GetParam(), i), facts), FlowStore::Inserted::done);
        EXPECT_EQ(table.writer.insert(key_of(GetParam(), i), facts), FlowStore::Inserted::present);
    }
    EXPECT_EQ(table.store.size(), 1000U);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const auto found = table.store.find(key_of(GetParam(), i));
        ASSERT_TRUE(found) << i;
        EXPECT_EQ(found->facts,
                  (FlowFacts{TARGET_DROP, FLOW_LEASED, i, i, 60 * i, std::uint64_t{i} << FLOW_SEEN_SHIFT}));
        EXPECT_FALSE(table.store.find(key_of(GetParam(), i + 1000)));
    }
}

TEST_P(FlowStoreTest, keeps_the_protocols_and_each_part_of_a_key_apart) {
    const Table table(GetParam(), 1000);
    const flow_key key = key_of(GetParam(), 7);
    ASSERT_EQ(table.writer.insert(key, {}), FlowStore::Inserted::done);
    for (std::size_t byte = 0; byte < sizeof(flow_key); ++byte) {
        const bool part =
            byte < (GetParam() == FAMILY_IPV6 ? 32U : 4U) || (byte >= 16 && byte < 20) || (byte >= 32 && byte < 36);
        if (!part && byte != offsetof(flow_key, proto)) continue;
        flow_key other = key;
        reinterpret_cast<std::uint8_t*>(&other)[byte] ^= 1;
        EXPECT_FALSE(table.store.find(other)) << "byte " << byte;
    }
}

/// Random inserts and erases at nine tenths of the places, against a map of the standard library.
TEST_P(FlowStoreTest, holds_what_a_plain_map_holds) {
    const Table table(GetParam(), 2000);
    std::mt19937 random(7);
    std::map<std::uint32_t, std::uint32_t> model;
    const std::uint32_t most = table.store.places() * 9 / 10;
    for (std::uint32_t step = 0; step < 100'000; ++step) {
        const auto number = static_cast<std::uint32_t>(random() % (2 * most));
        const flow_key key = key_of(GetParam(), number);
        const bool there = model.count(number) != 0;
        if (there && random() % 2 == 0) {
            ASSERT_EQ(table.writer.erase(key), FlowStore::Erased::done);
            model.erase(number);
        } else if (there || model.size() < most) {
            FlowFacts facts;
            facts.owner = step;
            ASSERT_EQ(table.writer.insert(key, facts),
                      there ? FlowStore::Inserted::present : FlowStore::Inserted::done);
            model.emplace(number, step);
        }
    }
    EXPECT_EQ(table.store.size(), model.size());
    for (std::uint32_t number = 0; number < 2 * most; ++number) {
        const auto found = table.store.find(key_of(GetParam(), number));
        ASSERT_EQ(found.has_value(), model.count(number) != 0) << number;
        if (found) {
            EXPECT_EQ(found->facts.owner, model[number]);
        }
    }
    std::size_t walked = 0;
    for (std::uint32_t place = 0; place < table.store.places(); ++place)
        walked += table.store.at(place).has_value() ? 1 : 0;
    EXPECT_EQ(walked, model.size());
}

// The word's comparison may name the place above a true match too, whatever is there.
TEST_P(FlowStoreTest, finds_no_erased_flow_beside_another_of_its_tag) {
    const test::FlowWorld world(GetParam(), 1);
    const FlowStore::Writer writer(world.store(), 1, [](std::uint32_t) { return false; });
    std::map<std::uint64_t, flow_key> alone;
    std::set<std::uint32_t> tags;
    for (std::uint32_t i = 0; tags.size() < 254; ++i) {
        ASSERT_LT(i, 100'000U) << "only " << tags.size() << " tags were seen";
        const flow_key key = world.key(i);
        const std::uint64_t home = world.home(key);
        const auto [other, is_new] = alone.emplace(home, key);
        if (is_new || !tags.insert(home & 0xff).second) continue;
        ASSERT_EQ(writer.insert(other->second, {}), FlowStore::Inserted::done);
        ASSERT_EQ(writer.insert(key, {}), FlowStore::Inserted::done);
        ASSERT_EQ(writer.erase(key), FlowStore::Erased::done);
        EXPECT_FALSE(world.store().find(key)) << "tag " << (home & 0xff);
        EXPECT_TRUE(world.store().find(other->second));
        ASSERT_EQ(writer.erase(other->second), FlowStore::Erased::done);
    }
}

TEST_P(FlowStoreTest, says_nothing_of_elsewhere_once_all_flows_are_gone) {
    const Table table(GetParam(), 500);
    const std::uint32_t most = table.store.places() * 95 / 100;
    for (std::uint32_t i = 0; i < most; ++i)
        ASSERT_EQ(table.writer.insert(key_of(GetParam(), i), {}), FlowStore::Inserted::done);
    EXPECT_GT(table.store.count().near, 0U);
    EXPECT_GT(table.store.count().far, 0U);
    for (std::uint32_t i = 0; i < most; ++i)
        ASSERT_EQ(table.writer.erase(key_of(GetParam(), i)), FlowStore::Erased::done);
    for (const auto& line : table.lines) {
        EXPECT_EQ(line.elsewhere, 0U);
        EXPECT_EQ(line.writer, 0U);
    }
}

TEST_P(FlowStoreTest, takes_every_flow_up_to_nineteen_twentieths) {
    for (const std::uint32_t flows : {1U, 10U, 100U, 3000U, 300'000U}) {
        const Table table(GetParam(), flows);
        ASSERT_GE(table.store.places(), flows * 4 / 3);
        const std::uint32_t most = table.store.places() * 95 / 100;
        for (std::uint32_t i = 0; i < most; ++i)
            ASSERT_EQ(table.writer.insert(key_of(GetParam(), i), {}), FlowStore::Inserted::done) << i << " of " << most;
    }
}

TEST_P(FlowStoreTest, is_full_when_no_place_is_left_for_a_flow) {
    const Table table(GetParam(), 100);
    std::uint32_t held = 0;
    for (std::uint32_t i = 0; i < 2 * table.store.places(); ++i)
        held += table.writer.insert(key_of(GetParam(), i), {}) == FlowStore::Inserted::done ? 1 : 0;
    EXPECT_EQ(held, table.store.places());
    EXPECT_EQ(table.store.size(), held);
    EXPECT_EQ(table.writer.insert(key_of(GetParam(), 1U << 20U), {}), FlowStore::Inserted::full);
}

TEST_P(FlowStoreTest, changes_a_flow_only_as_long_as_it_is_the_same) {
    const Table table(GetParam(), 100);
    const flow_key key = key_of(GetParam(), 3);
    FlowFacts leased;
    leased.state = FLOW_LEASED;
    ASSERT_EQ(table.writer.insert(key, leased), FlowStore::Inserted::done);
    const auto first = table.store.find(key);
    ASSERT_TRUE(first);
    EXPECT_TRUE(table.store.change(*first, TARGET_PASS, FLOW_IN_USE));
    EXPECT_FALSE(table.store.change(*first, TARGET_PASS, FLOW_IN_USE)) << "it was leased no more";
    EXPECT_EQ(table.store.find(key)->facts.state, FLOW_IN_USE);
    ASSERT_EQ(table.writer.erase(key), FlowStore::Erased::done);
    ASSERT_EQ(table.writer.insert(key, leased), FlowStore::Inserted::done);
    EXPECT_FALSE(table.store.change(*first, TARGET_DROP, FLOW_IN_USE)) << "the same key, but another flow";
}

TEST_P(FlowStoreTest, erases_only_what_fulfils_the_condition) {
    const Table table(GetParam(), 100);
    const flow_key key = key_of(GetParam(), 3);
    ASSERT_EQ(table.writer.insert(key, {}), FlowStore::Inserted::done);
    const auto is_leased = [](const FlowFacts& facts) { return facts.state == FLOW_LEASED; };
    EXPECT_EQ(table.writer.erase(key, is_leased), FlowStore::Erased::kept);
    FlowStore::Found erased;
    EXPECT_EQ(table.writer.erase(key, {}, &erased), FlowStore::Erased::done);
    EXPECT_EQ(std::memcmp(&erased.key, &key, sizeof key), 0);
    EXPECT_EQ(table.writer.erase(key), FlowStore::Erased::absent);
}

TEST_P(FlowStoreTest, waits_for_a_living_writer_and_takes_over_from_a_dead_one) {
    Table table(GetParam(), 10);
    constexpr std::uint32_t holder = 77;
    for (auto& line : table.lines) {
        line.writer = holder;
        line.elsewhere = 0x0fffffff;  // as if it had been killed at work
    }
    const flow_key key = key_of(GetParam(), 3);
    const FlowStore::Writer waiting(table.store, 1, [](std::uint32_t) { return false; });
    EXPECT_EQ(waiting.insert(key, {}, std::chrono::milliseconds(1)), FlowStore::Inserted::busy);
    EXPECT_EQ(waiting.obstacle(), holder);
    const FlowStore::Writer heir(table.store, 1, [](std::uint32_t id) { return id == holder; });
    EXPECT_EQ(heir.insert(key, {}), FlowStore::Inserted::done);
    EXPECT_EQ(heir.erase(key), FlowStore::Erased::done);
    int freed = 0;
    for (const auto& line : table.lines) {
        if (line.writer != 0) continue;
        EXPECT_EQ(line.elsewhere, 0U);
        ++freed;
    }
    EXPECT_EQ(freed, 1);
}

INSTANTIATE_TEST_SUITE_P(families, FlowStoreTest, ::testing::Values(FAMILY_IPV4, FAMILY_IPV6),
                         [](const auto& each) { return each.param == FAMILY_IPV6 ? "ipv6" : "ipv4"; });

}  // namespace
}  // namespace xdemux::test::kernel_flow_store
