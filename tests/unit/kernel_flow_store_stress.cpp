// SPDX-License-Identifier: BSD-2-Clause
// Processes that claim and erase the same flows at once, some of them killed at it, beside readers.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/kernel/flow_store.h>

#include "support/flow_world.h"

namespace xdemux::test::kernel_flow_store_stress {
namespace {

using namespace contract;
using test::FlowWorld;
using test::SharedMemory;

constexpr std::uint32_t lines = 3, keys = lines * FLOW_LINE_PLACES * 9 / 10, writers = 4;
constexpr std::chrono::milliseconds duration{1500};
constexpr std::chrono::seconds patience{20};

/// What the processes tell each other.
struct Board {
    std::atomic<bool> over;
    std::atomic<std::uint32_t> violations;
    std::atomic<std::uint64_t> claims;
    std::array<std::atomic<std::uint32_t>, 64> dead;       // by writer's id: 1 once it was killed and reaped
    std::array<std::atomic<std::uint32_t>, keys> holders;  // who says that it claimed the key
    std::atomic<std::uint64_t> phase;
};

class FlowStoreStress : public ::testing::TestWithParam<contract::family> {
  protected:
    ~FlowStoreStress() override {
        for (const pid_t child : children_) {
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
        }
    }
    [[nodiscard]] Board& board() const { return *static_cast<Board*>(memory_.data()); }

    pid_t start(const std::function<void()>& work) {
        const pid_t child = ::fork();
        if (child == 0) {
            work();
            ::_exit(0);
        }
        children_.push_back(child);
        return child;
    }
    void end(pid_t child) {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        std::erase(children_, child);
    }
    void finish() {
        board().over = true;
        for (const pid_t child : children_) {
            int status = 0;
            ::waitpid(child, &status, 0);
            EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        children_.clear();
    }
    [[nodiscard]] FlowStore::Writer writer(std::uint32_t id) const {
        return {world_.store(), id, [this](std::uint32_t other) { return board().dead.at(other) != 0; }};
    }

    /// Claims and gives back at random; whatever it claimed, it alone has.
    void churn(std::uint32_t id) const {
        std::mt19937 random(id);
        const auto writes = writer(id);
        FlowFacts mine;
        mine.owner = id;
        while (!board().over) {
            const auto number = static_cast<std::uint32_t>(random() % keys);
            const flow_key key = world_.key(number);
            const auto claimed = writes.insert(key, mine, patience);
            if (claimed == FlowStore::Inserted::present) continue;
            if (claimed != FlowStore::Inserted::done || board().holders[number].exchange(id) != 0) ++board().violations;
            const auto found = world_.store().find(key);
            if (!found || found->facts.owner != id) ++board().violations;
            board().holders[number] = 0;
            if (writes.erase(key, {}, nullptr, patience) != FlowStore::Erased::done) ++board().violations;
            ++board().claims;
        }
    }

    /// What a writer that was killed had said and claimed.
    void clear_after(std::uint32_t id) const {
        board().dead.at(id) = 1;
        const auto writes = writer(63);
        for (std::uint32_t number = 0; number < keys; ++number) {
            std::uint32_t holder = id;
            board().holders[number].compare_exchange_strong(holder, 0);
            const auto is_its = [&](const FlowFacts& facts) { return facts.owner == id; };
            EXPECT_NE(writes.erase(world_.key(number), is_its, nullptr, patience), FlowStore::Erased::busy);
        }
    }

    FlowWorld world_{GetParam(), lines};
    SharedMemory memory_{sizeof(Board)};
    std::vector<pid_t> children_;
};

TEST_P(FlowStoreStress, a_key_is_had_by_one_at_a_time_also_when_writers_are_killed) {
    std::array<pid_t, writers> running{};
    std::array<std::uint32_t, writers> ids{};
    std::uint32_t next = 1;
    for (std::uint32_t i = 0; i < writers; ++i) {
        ids[i] = next++;
        running[i] = start([&] { churn(ids[i]); });
    }
    constexpr int fewest_kills = 4;
    std::mt19937 random(3);
    const auto began = std::chrono::steady_clock::now();
    const auto lasts = [&](auto time) { return std::chrono::steady_clock::now() < began + time; };
    int kills = 0;
    // However slow the machine is.
    while (next < 62 && (lasts(duration) || (kills < fewest_kills && lasts(20 * duration)))) {
        // As long as it takes to be in the midst of things.
        const std::uint64_t then = board().claims + 2000;
        while (board().claims < then && lasts(20 * duration))
            std::this_thread::yield();
        const std::size_t victim = random() % writers;
        end(running[victim]);
        clear_after(ids[victim]);
        ++kills;
        ids[victim] = next++;
        running[victim] = start([&] { churn(ids[victim]); });
    }
    finish();
    EXPECT_EQ(board().violations, 0U);
    EXPECT_GE(kills, fewest_kills);
    EXPECT_EQ(world_.store().size(), 0U);
    for (const auto& line : world_.lines()) {
        EXPECT_EQ(line.elsewhere, 0U);
        EXPECT_EQ(line.writer, 0U);
    }
}

/// Two flows that take turns in one place, and a third key of the one's addresses and the other's ports, all of one
/// home: it was never inserted.
struct Triple {
    flow_key first, second, mixture;
};

Triple find_triple(const FlowWorld& world) {
    const std::uint64_t home = world.home(world.key(1, 7));
    std::uint32_t address = 2;
    while (world.home(world.key(address, 7)) != home)
        ++address;
    std::uint16_t port = 8;
    while (world.home(world.key(address, port)) != home && port < 65'000)
        ++port;
    // The first one's ports with the second one's addresses.
    return {world.key(1, 7), world.key(address, port), world.key(address, 7)};
}

TEST_P(FlowStoreStress, no_look_up_sees_half_an_entry_or_one_that_is_gone) {
    const Triple triple = find_triple(world_);
    ASSERT_EQ(world_.home(triple.first), world_.home(triple.second));
    // The phase is even while both are gone.
    start([&] {
        const auto writes = writer(1);
        for (bool first = true; !board().over; first = !first) {
            const flow_key& key = first ? triple.first : triple.second;
            board().phase.store(board().phase + 1);
            writes.insert(key, {});
            board().phase.store(board().phase + 1);
            writes.erase(key);
            board().phase.store(board().phase + 2);
        }
    });
    std::uint64_t looks = 0, presents = 0;
    const auto until = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < until) {
        for (int i = 0; i < 100; ++i, ++looks) {
            ASSERT_FALSE(world_.store().find(triple.mixture)) << "after " << looks << " look-ups";
            const std::uint64_t before = board().phase;
            const bool first_there = world_.store().find(triple.first).has_value();
            // 4n + 1, + 2: the first comes and goes; the second in the next four.
            if (first_there && (before % 8 == 0 || before % 8 >= 4) && board().phase == before)
                ADD_FAILURE() << "it is gone";
            presents += first_there ? 1 : 0;
        }
        if (::testing::Test::HasFailure()) break;
    }
    finish();
    EXPECT_GT(presents, 0U);
}

INSTANTIATE_TEST_SUITE_P(families, FlowStoreStress, ::testing::Values(FAMILY_IPV4, FAMILY_IPV6),
                         [](const auto& each) { return each.param == FAMILY_IPV6 ? "ipv6" : "ipv4"; });

}  // namespace
}  // namespace xdemux::test::kernel_flow_store_stress
