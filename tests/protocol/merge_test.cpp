// SPDX-License-Identifier: BSD-2-Clause
// A flow with two entries, as an upgrade makes them, that become one: whoever merges them is killed before any of its
// accesses. The flow is found all the time, and who comes then finishes.
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/kernel/flow_store.h>

#include "support/flow_world.h"
#include "watch.h"

namespace xdemux::test::merge_test {
namespace {

using namespace contract;

struct Killed {};

/// Ends the writer before its nth access, from 0: no store is done any more, those of its destructors among them, and
/// what would wait for one to be done comes to an end.
class Kill : public Watch {
  public:
    explicit Kill(std::size_t nth) : nth_(nth) {}

    std::uint64_t load(const void* at, std::size_t size) override {
        count();
        return Watch::load(at, size);
    }
    void store(void* at, std::uint64_t value, std::size_t size, watched_order order) override {
        ++accesses_;
        if (!is_dead()) Watch::store(at, value, size, order);
    }
    bool swap(void* at, std::uint64_t& expected, std::uint64_t value, std::size_t size) override {
        count();
        return Watch::swap(at, expected, value, size);
    }

    [[nodiscard]] bool is_dead() const { return accesses_ > nth_; }

  private:
    void count() {
        ++accesses_;
        if (is_dead()) throw Killed();
    }

    std::size_t nth_;
    std::size_t accesses_ = 0;
};

struct Case {
    contract::family family;
    std::uint32_t neighbours;  ///< in the flow's own word before it came
};

class Merge : public ::testing::TestWithParam<Case> {
  protected:
    static constexpr std::uint32_t heir = 1, victim = 2;
    static constexpr std::uint64_t packets = 10;

    /// The first entry under tag 1, the second one where look-ups find it.
    Merge() {
        std::uint32_t number = 1;
        while ((world_.hash(world_.key(number)) & 0xff) > 1)
            ++number;
        key_ = world_.key(number);
        while (neighbours_.size() < GetParam().neighbours) {
            const flow_key other = world_.key(++number);
            if (world_.home(other) >> 8U != world_.home(key_) >> 8U || (world_.hash(other) & 0xff) <= 1) continue;
            neighbours_.push_back(other);
            EXPECT_EQ(writer(heir).insert(other, {}), FlowStore::Inserted::done);
        }
        const FlowFacts facts{TARGET_DROP, FLOW_IN_USE, 7, packets, 60 * packets};
        EXPECT_EQ(writer(heir).insert(key_, facts), FlowStore::Inserted::done);
        first_ = world_.store().find(key_).value().place;
        world_.lines()[first_ / FLOW_LINE_PLACES].tags[first_ / FLOW_SLOTS % FLOW_WORDS][first_ % FLOW_SLOTS] = 1;
        EXPECT_EQ(writer(heir).insert(key_, {TARGET_DROP, FLOW_LEASED, 7}), FlowStore::Inserted::done);
    }
    [[nodiscard]] FlowStore::Writer writer(std::uint32_t id) const {
        return {world_.store(), id, [](std::uint32_t other) { return other == victim; }};
    }
    /// Whether it was killed.
    [[nodiscard]] bool kill_at(std::size_t nth) const {
        Kill kill(nth);
        const Watching watching(kill);
        try {
            (void)writer(victim).merge(first_);
        } catch (const Killed&) {
        }
        return kill.is_dead();
    }

    FlowWorld world_{GetParam().family, 3};
    std::vector<flow_key> neighbours_;
    flow_key key_{};
    std::uint32_t first_ = 0;
};

TEST_P(Merge, is_finished_by_the_next_and_loses_at_most_what_one_entry_counted) {
    auto* const memory = static_cast<std::byte*>(world_.memory().data());
    const std::vector<std::byte> before(memory, memory + world_.memory().size());
    std::size_t deaths = 0, losses = 0;
    for (; kill_at(deaths) && !HasFailure(); ++deaths) {
        SCOPED_TRACE(deaths);
        EXPECT_TRUE(world_.store().find(key_)) << "before anyone has finished it";
        if (world_.store().tag_at(first_) == 1) {
            EXPECT_EQ(writer(heir).merge(first_), FlowStore::Merged::done);
        }
        EXPECT_EQ(world_.store().size(), neighbours_.size() + 1);
        const auto found = world_.store().find(key_);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->facts.state, FLOW_IN_USE);
        losses += found->facts.packets == packets ? 0 : 1;
        EXPECT_LE(found->facts.packets, packets);
        for (const flow_key& other : neighbours_)
            EXPECT_TRUE(world_.store().find(other));
        EXPECT_EQ(writer(heir).erase(key_), FlowStore::Erased::done);
        for (const flow_line& line : world_.lines())
            EXPECT_EQ(line.elsewhere, 0U);
        std::memcpy(memory, before.data(), before.size());
    }
    EXPECT_GE(deaths, 10U);
    EXPECT_LE(losses, 2U) << "between taking and giving, two accesses";
}

INSTANTIATE_TEST_SUITE_P(cases, Merge,
                         ::testing::Values(Case{FAMILY_IPV4, 0}, Case{FAMILY_IPV4, 7}, Case{FAMILY_IPV4, 8},
                                           Case{FAMILY_IPV6, 0}, Case{FAMILY_IPV6, 7}, Case{FAMILY_IPV6, 8}),
                         [](const auto& each) {
                             return std::string(each.param.family == FAMILY_IPV6 ? "ipv6_" : "ipv4_") +
                                    std::to_string(each.param.neighbours);
                         });

}  // namespace
}  // namespace xdemux::test::merge_test
