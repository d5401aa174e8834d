// SPDX-License-Identifier: BSD-2-Clause
// The bench must refuse to time what does not happen: rows that are wrong on purpose, and right ones beside them.
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bench.h"
#include "scenario.h"
#include "shared/privilege.h"
#include "support/testbed.h"
#include "timer.h"

namespace xdemux::bench::check_test {
namespace {

using namespace contract;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr Effort one_short_round{1, 1000};
constexpr std::uint16_t open_port = 443, closed_port = 9;

test::Packet syn_to(std::uint16_t port) {
    return test::eth().ipv4(test::peer_ipv4, test::host_ipv4).tcp(40000, port).syn();
}

std::vector<Line> run_row(const Row& row, verdict closed = VERDICT_DROP) {
    Scenario scenario;
    scenario.settings.contract = CONTRACT_VERSION;
    scenario.settings.rules = scenario.settings.fallback = {MODE_ENFORCE, closed, 0};
    scenario.fill = [](Subject& subject) { subject.add_wildcard({PROTO_TCP, open_port}); };
    scenario.rows = {row};
    Timer timer(test::Testbed::get().ifindex());
    return run(timer, {scenario}, one_short_round, [](std::string_view, std::size_t, std::size_t) {});
}

std::string refusal(const Row& row, verdict closed = VERDICT_DROP) {
    try {
        run_row(row, closed);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "none";
}

TEST(BenchCheck, TimesARowWhosePacketsComeToWhatItSays) {
    const auto fixed = run_row({"a", {syn_to(open_port)}, REASON_LISTENER_WILDCARD, VERDICT_PASS, {}});
    ASSERT_THAT(fixed, SizeIs(1));
    EXPECT_GT(fixed[0].figures.subject, 0);
    EXPECT_GT(fixed[0].figures.baseline, 0);
    const std::vector<test::Packet> two(2, syn_to(closed_port));
    EXPECT_THAT(run_row({"a", two, REASON_CLOSED, VERDICT_DROP, {}}), SizeIs(1));
}

TEST(BenchCheck, RefusesARowWithAnotherReason) {
    EXPECT_THAT(refusal({"a", {syn_to(open_port)}, REASON_LISTENER_EXACT, VERDICT_PASS, {}}),
                HasSubstr("cannot time \"a\": of 100000 packets 0 came to reason 2"));
}

TEST(BenchCheck, RefusesARowWithAnotherVerdict) {
    const Row row{"a", {syn_to(closed_port)}, REASON_CLOSED, VERDICT_DROP, {}};
    EXPECT_EQ(refusal(row), "none");
    EXPECT_THAT(refusal(row, VERDICT_PASS), HasSubstr("of 100000 packets 0 came to reason 7 and verdict 1"));
}

TEST(BenchCheck, RefusesAMixOfWhichOnePacketIsWrong) {
    std::vector<test::Packet> packets(MIX_SAMPLES, syn_to(open_port));
    packets[500] = syn_to(closed_port);
    EXPECT_THAT(refusal({"a", packets, REASON_LISTENER_WILDCARD, VERDICT_PASS, {}}), HasSubstr("cannot time \"a\""));
}

}  // namespace
}  // namespace xdemux::bench::check_test

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
    if (::geteuid() != 0) return xdemux::test::cannot_run("it needs root; run it with sudo");
    try {
        xdemux::test::Testbed::set_up();
    } catch (const std::exception& error) {
        return xdemux::test::cannot_run(error.what());
    }
    const int result = RUN_ALL_TESTS();
    xdemux::test::Testbed::tear_down();
    return result;
}
