// SPDX-License-Identifier: BSD-2-Clause
// Maglev's table: shares, what moves when a member leaves, comes or gets another weight, and that nothing else matters.
#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/policy/maglev.h>

namespace xdemux::test::policy_maglev {
namespace {

struct Named {
    std::string name;
    std::uint32_t weight;
};
using Members = std::vector<Named>;

using Owners = std::vector<std::string_view>;

/// By place who has it; good as long as the members are.
Owners owners(const Members& members) {
    std::vector<MaglevMember> given;
    for (const auto& [name, weight] : members)
        given.push_back({name, weight});
    Owners names;
    for (const std::uint16_t index : maglev_table(given))
        names.push_back(members.at(index).name);
    return names;
}

Members equal(std::size_t count) {
    Members members;
    for (std::size_t i = 0; i < count; ++i)
        members.push_back({"cpu:" + std::to_string(i), 1});
    return members;
}

/// How many each has, counted in one pass: one a member takes longer than all other tests.
std::map<std::string_view, double> places_of(const Owners& owners) {
    std::map<std::string_view, double> places;
    for (const auto& name : owners)
        ++places[name];
    return places;
}

double share(const Owners& owners, const std::string& name) {
    return places_of(owners)[name] / maglev_places;
}

double moved(const Owners& before, const Owners& after) {
    std::size_t count = 0;
    for (std::size_t place = 0; place < maglev_places; ++place)
        count += before.at(place) != after.at(place) ? 1 : 0;
    return static_cast<double>(count) / maglev_places;
}

void expect_shares(const Members& members, double tolerance) {
    const auto table = owners(members);
    ASSERT_EQ(table.size(), maglev_places);
    const auto total = std::accumulate(members.begin(), members.end(), 0.0,
                                       [](double sum, const Named& member) { return sum + member.weight; });
    auto places = places_of(table);
    for (const auto& [name, weight] : members)
        EXPECT_NEAR(places[name] / maglev_places / (weight / total), 1, tolerance) << name << " of " << members.size();
}

// The table has 65,537 places: a member has its share to one of them, which is 1 % where its share is 100 places, as
// that of 655 equal members still is.
TEST(Maglev, MembersAreWithinOnePercentOfTheirWeight) {
    for (const std::size_t count : {1U, 2U, 7U, 33U, 655U})
        expect_shares(equal(count), 0.01);
    expect_shares({{"a", 1}, {"b", 2}, {"c", 3}, {"d", 94}}, 0.01);
    expect_shares({{"a", 655}, {"b", 65'535}, {"c", 12'345}}, 0.01);
    Members mixed;
    for (std::uint32_t i = 1; i <= 100; ++i)
        mixed.push_back({"xsk:w" + std::to_string(i), 1000 + i * i});
    expect_shares(mixed, 0.01);
}

TEST(Maglev, EvenManyMembersAreWithinOnePlaceOfTheirWeight) {
    const Members members = equal(4000);
    auto places = places_of(owners(members));
    for (const auto& [name, weight] : members)
        EXPECT_NEAR(places[name], maglev_places / 4000.0, 1) << name;
}

class MaglevOfEqual : public ::testing::TestWithParam<std::size_t> {};

TEST_P(MaglevOfEqual, OneThatLeavesMovesItsShareAndOnePercentAtMost) {
    const std::size_t count = GetParam();
    const Members all = equal(count);
    const auto before = owners(all);
    const double most = 1.0 / static_cast<double>(count) + 0.01;
    for (const std::size_t leaving : {std::size_t{0}, count / 2}) {
        Members fewer = all;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(leaving));
        const auto after = owners(fewer);
        EXPECT_LE(moved(before, after), most) << "without " << leaving;
        EXPECT_LE(moved(after, before), most) << "with " << leaving << " added";
        Members drained = all;
        drained[leaving].weight = 0;
        EXPECT_EQ(owners(drained), after) << "to drain is to leave";
    }
}

INSTANTIATE_TEST_SUITE_P(Counts, MaglevOfEqual, ::testing::Values(2, 3, 16, 100, 256));

TEST(Maglev, OneOfUnequalMembersThatLeavesMovesItsShareAndOnePercentAtMost) {
    Members members;
    for (std::uint32_t i = 1; i <= 12; ++i)
        members.push_back({"dev:e" + std::to_string(i), i * i});
    const auto before = owners(members);
    for (const std::size_t leaving : {0U, 11U}) {
        Members fewer = members;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(leaving));
        EXPECT_LE(moved(before, owners(fewer)), share(before, members[leaving].name) + 0.01) << members[leaving].name;
    }
}

TEST(Maglev, AnotherWeightMovesWhatTheSharesDifferByAndOnePercentAtMost) {
    const Members before = equal(8);
    Members after = before;
    after[3].weight = 2;
    EXPECT_LE(moved(owners(before), owners(after)), 2.0 / 9 - 1.0 / 8 + 0.01);
    Members doubled = before;
    for (auto& member : doubled)
        member.weight *= 2;
    EXPECT_EQ(owners(before), owners(doubled)) << "weights are proportions";
}

TEST(Maglev, TheOrderOfMembersDoesNotMatter) {
    Members members = equal(33);
    members[5].weight = 3;
    const auto before = owners(members);
    EXPECT_EQ(owners(members), before);
    Members others = members;
    std::ranges::reverse(others);
    EXPECT_EQ(owners(others), before);
    std::rotate(others.begin(), others.begin() + 7, others.end());
    EXPECT_EQ(owners(others), before);
}

TEST(Maglev, NobodyWithAWeightIsAnEmptyTable) {
    EXPECT_TRUE(maglev_table({}).empty());
    EXPECT_TRUE(owners({{"a", 0}, {"b", 0}}).empty());
}

}  // namespace
}  // namespace xdemux::test::policy_maglev
