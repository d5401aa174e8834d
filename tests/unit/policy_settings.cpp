// SPDX-License-Identifier: BSD-2-Clause
#include <gtest/gtest.h>

#include <xdemux/policy/settings.h>

namespace xdemux::test::policy_settings {
namespace {

TEST(Settings, OfANewInstanceHarmNoOne) {
    const Settings settings;
    EXPECT_EQ(settings.mode, Mode::monitor);
    EXPECT_EQ(settings.closed, ClosedPolicy::pass);
    EXPECT_TRUE(settings.host);
    EXPECT_EQ(settings.to_string(), "mode monitor, closed pass, host on");
    EXPECT_EQ((Settings{Mode::enforce, ClosedPolicy::reject, false}.to_string()),
              "mode enforce, closed reject, host off");
}

TEST(Settings, AreParsedAsTheyArePrinted) {
    for (const Mode mode : {Mode::monitor, Mode::enforce})
        EXPECT_EQ(parse_mode(mode_name(mode)), mode);
    for (const auto policy : {ClosedPolicy::pass, ClosedPolicy::drop, ClosedPolicy::reject}) {
        EXPECT_EQ(parse_closed_policy(closed_policy_name(policy)), policy);
    }
    EXPECT_EQ(parse_mode("Monitor").error().message(), "unknown mode \"Monitor\"; use monitor or enforce");
    EXPECT_EQ(parse_closed_policy("deny").error().message(),
              "unknown closed policy \"deny\"; use pass, drop or reject");
    EXPECT_EQ(parse_mode("").error().kind(), ErrorKind::usage);
    EXPECT_EQ(parse_closed_policy("").error().kind(), ErrorKind::usage);
}

TEST(Settings, AChangeLeavesAloneWhatItDoesNotName) {
    const Settings from{Mode::enforce, ClosedPolicy::drop, false};
    EXPECT_TRUE(SettingsChange{}.empty());
    EXPECT_EQ(SettingsChange{}.apply(from), from);
    SettingsChange change;
    change.host = true;
    EXPECT_FALSE(change.empty());
    EXPECT_EQ(change.apply(from), (Settings{Mode::enforce, ClosedPolicy::drop, true}));
    change = {Mode::monitor, ClosedPolicy::reject, std::nullopt};
    EXPECT_EQ(change.apply(from), (Settings{Mode::monitor, ClosedPolicy::reject, false}));
}

TEST(Settings, TellHowTheyDiffer) {
    const Settings monitor;
    EXPECT_EQ(describe_difference(monitor, monitor), "");
    EXPECT_EQ(describe_difference({Mode::enforce, ClosedPolicy::pass, true}, monitor), "mode is enforce, not monitor");
    EXPECT_EQ(describe_difference(monitor, {Mode::enforce, ClosedPolicy::drop, false}),
              "mode is monitor, not enforce; closed is pass, not drop; host is on, not off");
}

}  // namespace
}  // namespace xdemux::test::policy_settings
