// SPDX-License-Identifier: BSD-2-Clause
// Settings change under traffic without losing a packet or a counter; unconfirmed changes roll back by themselves.
#include <chrono>

#include <xdemux/ops/settings.h>
#include <xdemux/ops/snapshot.h>

#include "support/instance_fixture.h"
#include "support/traffic.h"

namespace xdemux::test::ops_settings_test {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

class OpsSettings : public InstanceTest {
  protected:
    static SettingsRequest enforce(std::optional<seconds> confirm = std::nullopt) {
        SettingsRequest request;
        request.change.mode = Mode::enforce;
        request.confirm = confirm;
        return request;
    }
};

TEST_F(OpsSettings, change_under_traffic_without_losing_a_packet_or_a_counter) {
    for (const auto mode : {AttachMode::native, AttachMode::generic}) {
        ASSERT_TRUE(attach(name_, on(near_device, mode)));
        {
            auto instance = Instance::open_for_change(name_).value();
            Traffic traffic(peer());
            for (const auto each : {Mode::enforce, Mode::monitor, Mode::enforce, Mode::monitor}) {
                const auto before = traffic.received();
                ASSERT_TRUE(wait_until([&] { return traffic.received() > before + 100 || traffic.lost(); }));
                SettingsRequest request;
                request.change.mode = each;
                const auto changed = change_settings(instance, request);
                ASSERT_TRUE(changed) << changed.error().message();
            }
            traffic.stop();
            EXPECT_FALSE(traffic.lost());
            EXPECT_EQ(traffic.received(), traffic.sent());
            EXPECT_EQ(read_counter(instance, Proto::udp, Traffic::port)->seen.packets, traffic.sent());
        }
        ASSERT_TRUE(unload_instance(name_));
    }
}

TEST_F(OpsSettings, survive_detach_and_are_inherited) {
    auto request = on(near_device);
    request.settings.mode = Mode::enforce;
    request.settings.closed = ClosedPolicy::drop;
    request.settings.host = false;
    ASSERT_TRUE(attach(name_, request));
    {
        auto instance = Instance::open_for_change(name_).value();
        ASSERT_TRUE(detach_all(instance));
    }
    ASSERT_TRUE(attach(name_, on(near_device)));
    const auto instance = Instance::open(name_).value();
    EXPECT_EQ(settings_in_force(instance), (Settings{Mode::enforce, ClosedPolicy::drop, false}));
}

TEST_F(OpsSettings, a_dry_run_changes_nothing) {
    make();
    auto instance = Instance::open_for_change(name_).value();
    auto request = enforce();
    request.dry_run = true;
    ASSERT_TRUE(change_settings(instance, request));
    EXPECT_EQ(settings_in_force(Instance::open(name_).value()).mode, Mode::monitor);
}

TEST_F(OpsSettings, wait_for_their_confirmation) {
    make();
    auto instance = Instance::open_for_change(name_).value();
    EXPECT_THAT(failure(confirm_settings(instance), ErrorKind::not_found), HasSubstr("nothing to confirm"));
    ASSERT_TRUE(change_settings(instance, enforce(seconds(60))));
    const auto pending = pending_confirm(instance);
    ASSERT_TRUE(pending);
    EXPECT_FALSE(pending->over());
    EXPECT_EQ(pending->fallback.mode, Mode::monitor);
    EXPECT_EQ(settings_in_force(instance).mode, Mode::enforce);
    ASSERT_TRUE(confirm_settings(instance));
    EXPECT_FALSE(pending_confirm(instance));
    EXPECT_EQ(settings_in_force(instance).mode, Mode::enforce);
}

TEST_F(OpsSettings, roll_back_on_request) {
    make();
    auto instance = Instance::open_for_change(name_).value();
    ASSERT_TRUE(change_settings(instance, enforce(seconds(60))));
    SettingsRequest more;
    more.change.closed = ClosedPolicy::drop;
    ASSERT_TRUE(change_settings(instance, more));
    ASSERT_TRUE(pending_confirm(instance)) << "a second change joins the first";
    ASSERT_TRUE(rollback_settings(instance));
    EXPECT_EQ(settings_in_force(instance), Settings{});
    EXPECT_FALSE(pending_confirm(instance));
    EXPECT_THAT(failure(rollback_settings(instance), ErrorKind::not_found), HasSubstr("nothing to confirm"));
}

TEST_F(OpsSettings, roll_back_when_the_time_is_over) {
    make();
    {
        auto instance = Instance::open_for_change(name_).value();
        ASSERT_TRUE(change_settings(instance, enforce(seconds(0))));
        EXPECT_TRUE(wait_until([&] { return pending_confirm(instance)->over(); }));
        EXPECT_EQ(settings_in_force(instance).mode, Mode::monitor);
        EXPECT_THAT(failure(confirm_settings(instance), ErrorKind::not_found), HasSubstr("its time is over"));
    }
    const auto final_one = Instance::open_for_change(name_).value();
    EXPECT_FALSE(pending_confirm(final_one)) << "the next writer makes it final";
    EXPECT_EQ(settings_in_force(final_one), Settings{});
}

}  // namespace
}  // namespace xdemux::test::ops_settings_test
