// SPDX-License-Identifier: BSD-2-Clause
// One writer of the flow table that many threads share.
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/kernel/flow_store.h>

#include "support/flow_world.h"

namespace xdemux::test::flow_store_test {
namespace {

constexpr std::uint32_t threads = 4, keys = 20, rounds = 200;
constexpr std::chrono::minutes long_enough{1};

TEST(SharedWriter, inserts_and_erases_for_many_threads_on_the_same_lines) {
    const test::FlowWorld world(contract::FAMILY_IPV4, 2);
    const FlowStore::Writer writer(world.store(), 1, [](std::uint32_t) { return false; });
    std::vector<std::thread> at_work;
    for (std::uint32_t number = 0; number < threads; ++number) {
        at_work.emplace_back([&, number] {
            for (std::uint32_t i = 0; i < rounds * keys; ++i) {
                const auto key = world.key(number * keys + i % keys);
                EXPECT_EQ(writer.insert(key, {}, long_enough), FlowStore::Inserted::done);
                EXPECT_LE(writer.obstacle(), 1U);
                if (i / keys + 1 == rounds) continue;
                EXPECT_EQ(writer.erase(key, {}, nullptr, long_enough), FlowStore::Erased::done);
            }
        });
    }
    for (auto& thread : at_work)
        thread.join();
    EXPECT_EQ(world.store().size(), threads * keys);
}

}  // namespace
}  // namespace xdemux::test::flow_store_test
