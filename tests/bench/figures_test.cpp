// SPDX-License-Identifier: BSD-2-Clause
// Figures and their two forms; what no packet is needed for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "flood.h"
#include "report.h"
#include "statistics.h"

namespace xdemux::bench::figures_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Line line(double over, std::optional<double> goal) {
    return {"a row", {6 + over, 6, over, over}, goal};
}

TEST(Median, IsTheMiddleOfAnOddNumberAndTheMeanOfTwoOfAnEvenOne) {
    EXPECT_DOUBLE_EQ(median({9}), 9);
    EXPECT_DOUBLE_EQ(median({30, 1, 2}), 2);
    EXPECT_DOUBLE_EQ(median({30, 1, 2, 4}), 3);
}

TEST(Figures, PairTheDifferencesWithinARoundSoThatDriftCancelsOut) {
    const Figures figures = figures_of({{6, 9}, {16, 19}, {7, 10}, {60, 63}});
    EXPECT_DOUBLE_EQ(figures.over_baseline, 3);
    EXPECT_DOUBLE_EQ(figures.subject, 14.5);
    EXPECT_DOUBLE_EQ(figures.baseline, 11.5);
}

TEST(Figures, AnOutlierMovesNeitherMedianNorMinimum) {
    const Figures figures = figures_of({{6, 9}, {6, 900}, {6, 9}, {6, 9}, {600, 9}});
    EXPECT_DOUBLE_EQ(figures.over_baseline, 3);
    EXPECT_DOUBLE_EQ(figures.over_of_minimums, 3);
    EXPECT_DOUBLE_EQ(figures.ratio(), 1.5);
}

TEST(Goal, IsMetUpToItsVeryValueAndUnknownWhereNoneIsSet) {
    EXPECT_EQ(line(3, 3).met(), true);
    EXPECT_EQ(line(3.01, 3).met(), false);
    EXPECT_EQ(line(3, std::nullopt).met(), std::nullopt);
}

TEST(Table, TellsGoalsMetAndMissedAndLeavesTheBaselineToVerbose) {
    const std::vector<Line> lines = {line(2.5, 3), line(4, 3), line(8, std::nullopt)};
    EXPECT_EQ(render_table(lines, false),
              "NAME         NS  OVER BASELINE   RATIO     GOAL  MET\n"
              "a row       8.5            2.5     1.4     <= 3  yes\n"
              "a row      10.0            4.0     1.7     <= 3   no\n"
              "a row      14.0            8.0     2.3        -    -\n");
    EXPECT_THAT(render_table(lines, true), HasSubstr("BASELINE  OVER, OF FASTEST\n"));
}

TEST(Json, HasTheContractsMembersAndNullWhereNoGoalIsSet) {
    const auto document = nlohmann::ordered_json::parse(render_json({line(2.511, 3), line(8, std::nullopt)}));
    EXPECT_EQ(document.dump(),
              R"({"schema":1,"benchmarks":[)"
              R"({"name":"a row","ns":8.51,"over_baseline_ns":2.51,"ratio":1.42,"goal":3.0,"met":true},)"
              R"({"name":"a row","ns":14.0,"over_baseline_ns":8.0,"ratio":2.33,"goal":null,"met":null}]})");
}

TEST(Flood, TellsPacketsASecondAndTheShareLeftToTheFlow) {
    // 250 ns a packet where dropping alone takes 100; a kilobyte in 5,000 ns that takes 4,000 alone.
    const FloodLine line{"UDP flood, xdemux", figures_of({{100, 250}}), figures_of({{4000, 5000}})};
    EXPECT_EQ(render_flood({line}),
              "NAME                     NS      MPPS  LEFT TO IPERF3\n"
              "UDP flood, xdemux     250.0      4.00            80 %\n");
    const auto document = nlohmann::ordered_json::parse(render_json(lines_of({line})));
    EXPECT_EQ(document["benchmarks"].dump(),
              R"([{"name":"UDP flood, xdemux: a packet","ns":250.0,"over_baseline_ns":150.0,"ratio":2.5,)"
              R"("goal":null,"met":null},{"name":"UDP flood, xdemux: a kilobyte of iperf3 beside it",)"
              R"("ns":5000.0,"over_baseline_ns":1000.0,"ratio":1.25,"goal":null,"met":null}])");
}

TEST(Drops, TellTheShareOfWhatAProgramThatOnlyDropsHandles) {
    const std::vector<DropLine> lines = {{"near", figures_of({{80, 100}}), 0.8},
                                         {"far", figures_of({{80, 100}}), 0.81}};
    EXPECT_EQ(render_drops(lines),
              "NAME        NS      MPPS   SHARE     GOAL  MET\n"
              "near     100.0     10.00    0.80   >= 0.8  yes\n"
              "far      100.0     10.00    0.80  >= 0.81   no\n");
    const Line line = line_of(lines[0]);
    ASSERT_TRUE(line.goal);
    EXPECT_DOUBLE_EQ(*line.goal, 20);
    EXPECT_EQ(line.met(), true);
    EXPECT_EQ(line_of(lines[1]).met(), false);
}

TEST(Ratio, IsNoneWithoutABaseline) {
    EXPECT_EQ(figures_of({{0, 60}}).ratio(), 0);
    EXPECT_EQ((Line{"fill", figures_of({{0, 60}}), 100}).met(), true);
}

}  // namespace
}  // namespace xdemux::bench::figures_test
