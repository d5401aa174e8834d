// SPDX-License-Identifier: BSD-2-Clause
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <xdemux/policy/ephemeral_range.h>
#include <xdemux/policy/port_set.h>

namespace xdemux::test::policy_ephemeral_range {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

std::string message_of(std::string_view text) {
    const auto range = parse_ephemeral_range(text);
    return range ? "no failure" : range.error().message();
}

TEST(PortSet, IsParsedAsTheKernelPrintsIt) {
    const auto set = PortSet::parse("9000-9002,8080,9002-9004");
    ASSERT_TRUE(set);
    EXPECT_EQ(set->to_string(), "8080,9000-9004");
    EXPECT_EQ(set->size(), 6U);
    EXPECT_THAT(set->ranges(), ElementsAre(PortRange::one(8080), PortRange{9000, 9004}));
    EXPECT_TRUE(PortSet::parse("")->empty());
    EXPECT_EQ(PortSet::parse("1-65535")->to_string(), "1-65535");
}

TEST(PortSet, RefusesWhatIsNoListOfPorts) {
    for (const char* text : {",", "80,", ",80", "80,,81", "http", "*", "0", "80-70", "70000", "80 81", "-"}) {
        const auto set = PortSet::parse(text);
        ASSERT_FALSE(set) << text;
        EXPECT_EQ(set.error().kind(), ErrorKind::usage) << text;
        EXPECT_THAT(set.error().message(), StartsWith("port list \"")) << text;
    }
}

TEST(PortSet, AddsAndTakesAway) {
    PortSet set;
    set.add(PortRange{65530, 65535});
    set.remove(PortRange{65532, 65533});
    EXPECT_EQ(set.to_string(), "65530-65531,65534-65535");
    EXPECT_EQ(set.count({65531, 65534}), 2U);
    EXPECT_EQ(set.within({65531, 65534}).to_string(), "65531,65534");
    PortSet all;
    all.add(PortRange::all());
    EXPECT_EQ(all.size(), 65'535U);
    EXPECT_TRUE(all.overlaps(set));
    all.remove(set);
    EXPECT_FALSE(all.overlaps(set));
    EXPECT_FALSE(all.contains(0));
}

TEST(EphemeralRange, PresetsHaveTheNumbersOfTheirSystems) {
    EXPECT_EQ(parse_ephemeral_range("iana"), (PortRange{49152, 65535}));
    EXPECT_EQ(parse_ephemeral_range("linux"), (PortRange{32768, 60999}));
    EXPECT_EQ(parse_ephemeral_range("linux-old"), (PortRange{32768, 61000}));
    EXPECT_EQ(parse_ephemeral_range("windows"), (PortRange{49152, 65535}));
    EXPECT_EQ(parse_ephemeral_range("macos"), (PortRange{49152, 65535}));
    EXPECT_EQ(parse_ephemeral_range("freebsd"), (PortRange{10000, 65535}));
    EXPECT_EQ(ephemeral_presets().size(), 6U);
    EXPECT_EQ(parse_ephemeral_range("20000-30000"), (PortRange{20000, 30000}));
}

TEST(EphemeralRange, RefusesWhatIsNoRange) {
    EXPECT_EQ(message_of("30000-20000"),
              "ephemeral range \"30000-20000\": port range 30000-20000 runs backwards; use 20000-30000");
    EXPECT_EQ(message_of("20000"), "ephemeral range \"20000\" is a single port; use LO-HI");
    EXPECT_EQ(message_of("solaris"),
              "unknown range \"solaris\"; use iana, linux, linux-old, windows, macos, freebsd, or LO-HI");
    EXPECT_THAT(message_of("0-100"), StartsWith("ephemeral range \"0-100\": "));
    EXPECT_THAT(message_of("1024-70000"), StartsWith("ephemeral range \"1024-70000\": "));
    for (const char* text : {"", "-", "http-alt", "*"})
        EXPECT_EQ(parse_ephemeral_range(text).error().kind(), ErrorKind::usage) << text;
}

TEST(EphemeralRange, ReckonsWhatIsLeftAndWhereTheCliffIs) {
    const RangeCapacity whole = capacity_of({32768, 60999}, {});
    EXPECT_EQ(whole.ports, 28'232U);
    EXPECT_EQ(whole.usable, 28'232U);
    EXPECT_EQ(whole.cliff, 14'116U);
    // Three ports of the lower end's parity and two of the other; 70 is outside.
    const auto reserved = PortSet::parse("10-14,70");
    const RangeCapacity part = capacity_of({10, 19}, *reserved);
    EXPECT_EQ(part.ports, 10U);
    EXPECT_EQ(part.reserved, 5U);
    EXPECT_EQ(part.usable, 5U);
    EXPECT_EQ(part.cliff, 2U);
    EXPECT_EQ(capacity_of({65534, 65535}, {}).cliff, 1U);
}

TEST(EphemeralRange, TellsWhatCanBeSustained) {
    using std::chrono::seconds;
    EXPECT_DOUBLE_EQ(sustainable_rate(28'232, seconds(0), linux_time_wait), 28'232 / 60.0);
    EXPECT_DOUBLE_EQ(sustainable_rate(1000, seconds(40), linux_time_wait), 10);
    EXPECT_DOUBLE_EQ(sustainable_rate(1000, seconds(0), seconds(0)), 0);
    EXPECT_EQ(describe_sustainable(28'232, linux_time_wait),
              "28232 ports / 60 s of TIME_WAIT = 470.5 connections per second to one destination");
}

}  // namespace
}  // namespace xdemux::test::policy_ephemeral_range
