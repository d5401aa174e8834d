// SPDX-License-Identifier: BSD-2-Clause
// What a CPU remembers of destinations, when programs interrupt each other on it: two interruptions at any of the
// accesses of a program that writes or reads a place, each of which does all that it does. Nobody gets another
// destination's answer.
#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "data_path.h"
#include "interruptions.h"

namespace xdemux::test::destination_test {
namespace {

constexpr std::size_t accesses_most = 20;  // of one program

/// Two that fall into the same place, and differ in everything or in one word; in the first epoch, which an empty place
/// must not be taken for, and in a later one.
struct Pair {
    path_destination one;
    path_destination other;
    __u32 epoch = 0;
};

constexpr Pair pairs[] = {
    {{{1, 2}, 3}, {{4, 5}, 6}}, {{{1, 2}, 3}, {{4, 2}, 3}},    {{{1, 2}, 3}, {{1, 5}, 3}},
    {{{1, 2}, 3}, {{1, 2}, 6}}, {{{1, 2}, 3}, {{4, 5}, 6}, 6},
};
constexpr __u64 answer_one = 101, answer_other = 202;

class Destination : public ::testing::TestWithParam<Pair> {
  protected:
    void write_one() { write_one(epoch); }
    void write_one(__u32 in) { path_remember(&place_, &GetParam().one, in, answer_one); }
    void write_other() { path_remember(&place_, &GetParam().other, epoch, answer_other); }
    __u64 read_one() const { return path_recall(&place_, &GetParam().one, epoch); }
    __u64 read_other() const { return path_recall(&place_, &GetParam().other, epoch); }
    void expect_own_answers() const {
        const __u64 one = read_one(), other = read_other();
        EXPECT_TRUE(one == 0 || one == answer_one) << one;
        EXPECT_TRUE(other == 0 || other == answer_other) << other;
        EXPECT_TRUE(one == 0 || other == 0);
    }
    /// `program` on a place as it is now, with the two at all pairs of its accesses; how many there were.
    std::size_t interrupt(const std::function<void()>& program, const std::function<void()>& first,
                          const std::function<void()>& second) {
        const contract::destination before = place_;
        std::size_t most = 0;
        for (std::size_t n = 0; n < accesses_most; ++n)
            for (std::size_t m = n; m < accesses_most; ++m) {
                SCOPED_TRACE(::testing::Message() << n << ", " << m);
                place_ = before;
                Interruption watch(std::vector<Interruption::At>{{n, first}, {m, second}});
                {
                    const Watching watching(watch);
                    program();
                }
                expect_own_answers();
                most = std::max(most, watch.accesses());
            }
        place_ = before;
        return most;
    }

    const __u32 epoch = GetParam().epoch;
    contract::destination place_{};
};

TEST_P(Destination, is_remembered_in_its_epoch_alone) {
    EXPECT_EQ(read_one(), 0U);
    write_one();
    EXPECT_EQ(read_one(), answer_one);
    EXPECT_EQ(read_other(), 0U);
    for (const __u32 another : {epoch - 2, epoch - 1, epoch + 1, epoch + 2})
        EXPECT_EQ(path_recall(&place_, &GetParam().one, another), 0U) << another;
    write_other();
    EXPECT_EQ(read_one(), 0U);
    EXPECT_EQ(read_other(), answer_other);
}

TEST_P(Destination, is_not_remembered_in_an_odd_epoch) {
    write_one(epoch + 1);
    for (const __u32 each : {epoch, epoch + 1, epoch + 2})
        EXPECT_EQ(path_recall(&place_, &GetParam().one, each), 0U) << each;
    write_one();
    write_one(epoch + 1);
    EXPECT_EQ(read_one(), answer_one);
}

TEST_P(Destination, of_the_first_epoch_is_not_there_by_itself) {
    const path_destination zero{};
    EXPECT_EQ(path_recall(&place_, &zero, 0), 0U);
    path_remember(&place_, &zero, 0, answer_one);
    EXPECT_EQ(path_recall(&place_, &zero, 0), answer_one);
}

TEST_P(Destination, is_nobody_elses_whoever_interrupts_a_writer) {
    for (const bool is_taken : {false, true}) {
        if (is_taken) write_other();
        const auto look = [&] { expect_own_answers(); };
        EXPECT_GE(interrupt([&] { write_one(); }, [&] { write_other(); }, look), 6U);
        EXPECT_GE(interrupt([&] { write_other(); }, [&] { write_one(); }, look), 6U);
        interrupt([&] { write_one(); }, look, [&] { write_other(); });
    }
}

TEST_P(Destination, is_nobody_elses_whoever_interrupts_a_reader) {
    __u64 answer = 0;
    const auto read = [&](const path_destination& key, __u64 own) {
        return [this, &answer, &key, own] {
            answer = path_recall(&place_, &key, epoch);
            EXPECT_TRUE(answer == 0 || answer == own) << answer;
        };
    };
    const path_destination &one = GetParam().one, &other = GetParam().other;
    write_one();
    EXPECT_GE(interrupt(
                  read(one, answer_one), [&] { write_other(); }, [&] { write_one(); }),
              6U);
    interrupt(
        read(one, answer_one), [&] { write_one(); }, [&] { write_other(); });
    interrupt(
        read(other, answer_other), [&] { write_other(); }, [&] { write_one(); });
}

INSTANTIATE_TEST_SUITE_P(pairs, Destination, ::testing::ValuesIn(pairs));

}  // namespace
}  // namespace xdemux::test::destination_test
