// SPDX-License-Identifier: BSD-2-Clause
// Groups: how members are written, what a change makes of them, and what it would move.
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <xdemux/policy/group.h>

namespace xdemux::test::policy_group {
namespace {

using ::testing::HasSubstr;

GroupMember member(std::string_view text) {
    const auto parsed = GroupMember::parse(text);
    EXPECT_TRUE(parsed) << parsed.error().message();
    return parsed.value_or(GroupMember{});
}

GroupMembers members(std::initializer_list<std::string_view> texts) {
    GroupMembers all;
    for (const auto text : texts)
        all.push_back(member(text));
    return all;
}

std::vector<std::string> texts(const GroupMembers& members) {
    std::vector<std::string> all;
    for (const auto& [target, weight] : members)
        all.push_back(target.to_string() + "=" + std::to_string(weight));
    return all;
}

using Texts = std::vector<std::string>;

TEST(GroupMemberText, IsATargetAndAWeight) {
    EXPECT_EQ(texts(members({"cpu:2", "cpu:2-3=7", "xsk:dns=0", "drop=65535"})),
              (Texts{"cpu:2=1", "cpu:2-3=7", "xsk:dns=0", "drop=65535"}));
}

// The last "=" is the weight's only where what stands before it is a target.
TEST(GroupMemberText, KeepsTheOptionsOfTheTarget) {
    EXPECT_EQ(texts(members({"cpu:2,queue=512", "cpu:2,queue=512=3", "cpu:2,fallback=drop", "cpu:2,fallback=drop=4"})),
              (Texts{"cpu:2,queue=512=1", "cpu:2,queue=512=3", "cpu:2,fallback=drop=1", "cpu:2,fallback=drop=4"}));
    const auto steered = member("dev:eth1,mac=02:00:00:00:00:01=2");
    EXPECT_EQ(steered.target.name, "eth1");
    EXPECT_EQ(steered.weight, 2U);
    EXPECT_EQ(member("dev:eth1,mac=02:00:00:00:00:01").weight, 1U);
    EXPECT_EQ(member("dev:eth1=2").target.name, "eth1");
}

TEST(GroupMemberText, RefusesWhatIsNone) {
    const auto message = [](std::string_view text) {
        const auto parsed = GroupMember::parse(text);
        return parsed ? std::string() : parsed.error().message();
    };
    EXPECT_THAT(message("cpus:1=2"), HasSubstr("unknown target \"cpus:1\""));
    EXPECT_THAT(message("cpu:1=65536"), HasSubstr("outside 0-65535"));
    EXPECT_THAT(message("cpu:1=-1"), HasSubstr("cpu wants a CPU's number"));
    EXPECT_THAT(message("=3"), HasSubstr("unknown target \"\""));
}

TEST(GroupMemberText, AChangeWantsTheWeight) {
    EXPECT_TRUE(GroupMember::parse_change("cpu:2,queue=512=0"));
    for (const auto* text : {"cpu:2", "cpu:2,queue=512", "dev:eth1"}) {
        const auto parsed = GroupMember::parse_change(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().kind(), ErrorKind::usage);
        EXPECT_THAT(parsed.error().message(), HasSubstr("wants a weight"));
    }
}

TEST(GroupMembers, AreNeitherGroupsNorSocketsNorTwice) {
    const auto why = [](const GroupMembers& all) {
        const auto checked = check_members(all);
        return checked ? std::string() : checked.error().message();
    };
    EXPECT_EQ(why(members({"cpu:0", "cpu:1", "pass", "drop", "reject", "dev:eth1", "xsk:a"})), "");
    EXPECT_THAT(why(members({"cpu:0", "group:a"})), HasSubstr("a group cannot be a member of a group"));
    EXPECT_THAT(why(members({"socket:a"})), HasSubstr("a socket cannot be a member"));
    EXPECT_THAT(why(members({"cpu:0", "cpu:1", "cpu:0=3"})), HasSubstr("cpu:0 is named twice"));
}

TEST(GroupChange, SetsAddsAndTakesOut) {
    const auto before = members({"cpu:0=1", "cpu:1=2", "drop=3"});
    const auto after = changed_members(before, {members({"cpu:1=0", "cpu:7=5"}), {Target::parse("drop").value()}});
    ASSERT_TRUE(after);
    EXPECT_EQ(texts(*after), (Texts{"cpu:0=1", "cpu:1=0", "cpu:7=5"}));
    const auto nobody = changed_members(before, {{}, {Target::parse("cpu:9").value()}});
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().kind(), ErrorKind::not_found);
}

// A dev that was read back from the tables may have another name by now; what counts is its ifindex.
TEST(GroupChange, KnowsARenamedDevice) {
    GroupMember dev = member("dev:old=1");
    dev.target.ifindex = 7;
    dev.target.fallback = TargetKind::pass;
    GroupMember same = member("dev:new=4");
    same.target.ifindex = 7;
    const auto after = changed_members({dev}, {{same}, {}});
    ASSERT_TRUE(after);
    ASSERT_EQ(after->size(), 1U);
    EXPECT_EQ(after->front().weight, 4U);
}

std::uint32_t sum_of(const GroupForecast& forecast, std::uint32_t GroupShift::*places) {
    return std::accumulate(forecast.shifts.begin(), forecast.shifts.end(), 0U,
                           [&](std::uint32_t sum, const GroupShift& shift) { return sum + shift.*places; });
}

TEST(GroupForecast, CountsWhatADrainMoves) {
    const auto before = members({"cpu:0", "cpu:1", "cpu:2", "cpu:3"});
    const auto after = changed_members(before, {members({"cpu:1=0"}), {}});
    const auto told = forecast(before, after.value());
    ASSERT_EQ(told.shifts.size(), 4U);
    EXPECT_EQ(told.shifts[1].target.to_string(), "cpu:1");
    EXPECT_EQ(told.shifts[1].weight_before, 1U);
    EXPECT_EQ(told.shifts[1].weight_after, 0U);
    EXPECT_NEAR(told.shifts[1].places_before, maglev_places / 4.0, 1);
    EXPECT_EQ(told.shifts[1].places_after, 0U);
    EXPECT_EQ(sum_of(told, &GroupShift::places_before), maglev_places);
    EXPECT_EQ(sum_of(told, &GroupShift::places_after), maglev_places);
    // Who drains gives up its share, and hardly anybody else moves.
    EXPECT_GE(told.moved, told.shifts[1].places_before);
    EXPECT_LE(told.moved, told.shifts[1].places_before + maglev_places / 100);
}

TEST(GroupForecast, TellsOfNewAndLeavingMembers) {
    const auto before = members({"cpu:0", "cpu:1"});
    const auto told = forecast(before, members({"cpu:1", "cpu:2=2"}));
    ASSERT_EQ(told.shifts.size(), 3U);
    EXPECT_EQ(told.shifts[0].weight_after, std::nullopt);
    EXPECT_EQ(told.shifts[2].weight_before, std::nullopt);
    EXPECT_EQ(told.shifts[2].weight_after, 2U);
    EXPECT_NEAR(told.shifts[2].places_after, maglev_places * 2 / 3.0, 1);
}

TEST(GroupForecast, MovesNothingWhereNothingChanges) {
    EXPECT_EQ(forecast(members({"cpu:0", "cpu:1=2"}), members({"cpu:1=4", "cpu:0=2"})).moved, 0U);
    EXPECT_EQ(forecast(members({"cpu:0"}), members({"cpu:0=0"})).moved, maglev_places) << "nobody is left";
    EXPECT_EQ(forecast(members({"cpu:0=0"}), members({"cpu:0=0"})).moved, 0U) << "nobody was there";
}

}  // namespace
}  // namespace xdemux::test::policy_group
