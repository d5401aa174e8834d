// SPDX-License-Identifier: BSD-2-Clause
// Interfaces on and off an instance, whatever becomes of the device meanwhile.
#include <vector>

#include <xdemux/kernel/link.h>
#include <xdemux/kernel/netns.h>

#include "support/instance_fixture.h"

namespace xdemux::test::ops_attach_test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class OpsAttach : public InstanceTest {};

TEST_F(OpsAttach, goes_native_where_the_driver_can) {
    for (const auto mode : {AttachMode::automatic, AttachMode::native}) {
        const auto report = attach(name_, on(near_device, mode));
        ASSERT_TRUE(report) << report.error().message();
        EXPECT_TRUE(report->created);
        EXPECT_GT(report->memory_bytes, 0U);
        EXPECT_EQ(attached().at(0).xdp_mode, XdpAttachment::native);
        EXPECT_EQ(attached().at(0).dev, near_device);
        ASSERT_TRUE(unload_instance(name_));
        EXPECT_EQ(interface_by_name(near_device)->xdp, XdpAttachment::none);
    }
}

TEST_F(OpsAttach, goes_generic_on_request) {
    ASSERT_TRUE(attach(name_, on(near_device, AttachMode::generic)));
    EXPECT_EQ(attached().at(0).xdp_mode, XdpAttachment::generic);
}

TEST_F(OpsAttach, falls_back_to_generic_where_the_driver_cannot) {
    ASSERT_TRUE(attach(name_, on("lo", AttachMode::automatic)));
    EXPECT_EQ(attached().at(0).xdp_mode, XdpAttachment::generic);
}

TEST_F(OpsAttach, in_generic_mode_refuses_targets_on_other_cpus_and_they_it) {
    const auto add_steered = [&] {
        auto change = listener("*:80");
        change.listener.target = Target::parse("cpu:0").value();
        auto instance = Instance::open_for_change(name_).value();
        return change_listeners(instance, std::vector{change});
    };
    ASSERT_TRUE(attach(name_, on(near_device)));
    EXPECT_THAT(failure(add_steered(), ErrorKind::unsupported),
                HasSubstr(std::string("target cpu:0: ") + near_device + " is attached in generic mode"));
    ASSERT_TRUE(unload_instance(name_));

    ASSERT_TRUE(attach(name_, on(near_device, AttachMode::native)));
    ASSERT_TRUE(add_steered());
    EXPECT_THAT(failure(attach(name_, on("lo")), ErrorKind::unsupported),
                HasSubstr("cannot attach to lo in generic mode: packets are steered to cpu:0"));
    EXPECT_THAT(failure(attach(name_, on("lo", AttachMode::automatic)), ErrorKind::unsupported),
                HasSubstr("cannot attach to lo in generic mode: packets are steered to cpu:0"));
    EXPECT_EQ(attached().size(), 1U);
    EXPECT_EQ(interface_by_name("lo")->xdp, XdpAttachment::none);
}

TEST_F(OpsAttach, says_what_to_do_where_the_driver_cannot) {
    EXPECT_THAT(failure(attach(name_, on("lo", AttachMode::native)), ErrorKind::unsupported),
                ::testing::AllOf(HasSubstr("cannot attach to lo in native mode"), HasSubstr("try --mode generic")));
    EXPECT_FALSE(pins_.exists()) << "a failure leaves nothing behind";
}

TEST_F(OpsAttach, again_in_the_same_mode_is_success) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    const auto program = attached().at(0).prog_id;
    const auto again = attach(name_, on(near_device));
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_FALSE(again->created);
    EXPECT_EQ(attached().at(0).prog_id, program);
    EXPECT_TRUE(attach(name_, on(near_device, AttachMode::automatic)));
    EXPECT_THAT(failure(attach(name_, on(near_device, AttachMode::native)), ErrorKind::in_use),
                HasSubstr("is attached in generic mode already"));
}

TEST_F(OpsAttach, leaves_another_program_alone_and_names_it) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    const auto program = attached().at(0).prog_id;
    const std::string other = name_ + "-other";
    for (const auto mode : {AttachMode::automatic, AttachMode::native, AttachMode::generic})
        EXPECT_THAT(failure(attach(other, on(near_device, mode)), ErrorKind::in_use),
                    MatchesRegex(fmt::format(".*another XDP program \\(id {}, \"xdemux\"\\) is on {}; detach it first: "
                                             "xdemux --instance {} detach {}",
                                             program, near_device, name_, near_device)));
    AttachRequest dry = on(near_device);
    dry.dry_run = true;
    EXPECT_THAT(failure(attach(other, dry), ErrorKind::in_use), HasSubstr("another XDP program"));
    EXPECT_FALSE(PinDirectory(other).exists());
    EXPECT_EQ(interface_by_name(near_device)->xdp_prog_id, program);
}

TEST_F(OpsAttach, names_the_link_that_holds_a_strangers_program) {
    make();
    const auto program = pins_.open("prog");
    ASSERT_TRUE(program);
    const auto link = create_xdp_link(program->get(), interface_by_name(near_device).value(), AttachMode::generic);
    ASSERT_TRUE(link);
    EXPECT_THAT(failure(attach(name_, on(near_device)), ErrorKind::in_use),
                HasSubstr(fmt::format("detach it first: bpftool link detach id {}", link_info(link->get())->id)));
}

TEST_F(OpsAttach, names_no_link_of_a_device_of_the_same_index_elsewhere) {
    // Links of all namespaces are listed, and an ifindex counts in one.
    const std::string elsewhere = name_ + "-elsewhere";
    const NamedNetns other;
    const auto in_other = [&](const auto& act) {
        const auto scope = NetnsScope::enter(other.name());
        ASSERT_TRUE(scope);
        act();
    };
    const auto index = interface_by_name(near_device)->ifindex;
    in_other([&] {
        run(fmt::format("ip link add xdsame index {} type veth peer name xdsame1", index));
        ASSERT_TRUE(attach(elsewhere, on("xdsame")));
    });
    make();
    const auto program = program_id(pins_.open("prog")->get());
    ASSERT_TRUE(program);
    run(fmt::format("bpftool net attach xdpgeneric id {} dev {}", *program, near_device));
    EXPECT_THAT(failure(attach(name_ + "-third", on(near_device)), ErrorKind::in_use),
                HasSubstr(fmt::format("detach it first: ip link set dev {} xdp off", near_device)));
    run(fmt::format("bpftool net detach xdpgeneric dev {}", near_device));
    in_other([&] { EXPECT_TRUE(unload_instance(elsewhere)); });
}

TEST_F(OpsAttach, takes_all_devices_or_none) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    const std::string other = name_ + "-other";
    AttachRequest request;
    request.devices = {"lo", near_device};
    EXPECT_THAT(failure(attach(other, request), ErrorKind::in_use), HasSubstr("another XDP program"));
    EXPECT_EQ(interface_by_name("lo")->xdp, XdpAttachment::none);
    EXPECT_FALSE(PinDirectory(other).exists());
}

TEST_F(OpsAttach, refuses_a_device_whose_frames_have_no_ethernet_header) {
    run("ip tuntap add mode tun name xdt0");
    const auto report = attach(name_, on("xdt0"));
    auto dry = on("xdt0");
    dry.dry_run = true;
    const auto dry_report = attach(name_, dry);
    run("ip tuntap del mode tun name xdt0");
    for (const auto* each : {&report, &dry_report})
        EXPECT_THAT(failure(*each, ErrorKind::unsupported),
                    HasSubstr("cannot attach to xdt0: its frames have no Ethernet header (link type none)"));
    EXPECT_FALSE(pins_.exists());
}

TEST_F(OpsAttach, an_unknown_device_makes_no_instance) {
    EXPECT_THAT(failure(attach(name_, on("nosuch0")), ErrorKind::not_found), HasSubstr("nosuch0"));
    EXPECT_FALSE(pins_.exists());
}

TEST_F(OpsAttach, a_dry_run_changes_nothing) {
    auto request = on(near_device);
    request.dry_run = true;
    ASSERT_TRUE(attach(name_, request));
    EXPECT_FALSE(pins_.exists());
    EXPECT_EQ(interface_by_name(near_device)->xdp, XdpAttachment::none);
}

TEST_F(OpsAttach, other_settings_than_the_instance_has_are_refused) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    auto request = on("lo");
    request.settings.mode = Mode::enforce;
    EXPECT_THAT(failure(attach(name_, request), ErrorKind::in_use),
                ::testing::AllOf(HasSubstr("mode is monitor, not enforce"), HasSubstr("xdemux set")));
    request.settings = {};
    request.flows = 12;
    EXPECT_THAT(failure(attach(name_, request), ErrorKind::in_use), HasSubstr("has room for 65536 flows, not 12"));
    request.flows = 65'536;
    request.settings.mode = Mode::monitor;
    EXPECT_TRUE(attach(name_, request)) << "what agrees is no change";
}

TEST_F(OpsAttach, detach_keeps_the_instance) {
    AttachRequest request;
    request.devices = {near_device, "lo"};
    ASSERT_TRUE(attach(name_, request));
    {
        auto instance = Instance::open_for_change(name_).value();
        const std::vector<std::string> unknown{near_device, "nosuch0"};
        EXPECT_FALSE(detach(instance, unknown));
        EXPECT_EQ(attached().size(), 2U) << "all are checked first";
        const std::vector<std::string> one{near_device};
        ASSERT_TRUE(detach(instance, one));
        EXPECT_EQ(failure(detach(instance, one), ErrorKind::not_loaded),
                  fmt::format("{} is not attached to instance \"{}\"", near_device, name_));
        ASSERT_TRUE(detach_all(instance));
    }
    EXPECT_TRUE(attached().empty());
    EXPECT_EQ(interface_by_name("lo")->xdp, XdpAttachment::none);
    EXPECT_TRUE(Instance::open(name_));
}

TEST_F(OpsAttach, follows_a_renamed_device) {
    const VethPair pair("xdr0", "xdr1");
    ASSERT_TRUE(attach(name_, on("xdr1")));
    run("ip link set xdr1 down && ip link set xdr1 name xdr2");
    EXPECT_EQ(attached().at(0).dev, "xdr2");
    EXPECT_EQ(attached().at(0).state, InterfaceState::attached);
}

TEST_F(OpsAttach, a_deleted_device_leaves_a_pin_that_the_next_writer_clears) {
    {
        const VethPair pair("xdr0", "xdr1");
        ASSERT_TRUE(attach(name_, on("xdr1")));
    }
    ASSERT_EQ(attached().size(), 1U);
    EXPECT_EQ(attached().at(0).state, InterfaceState::gone);
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_TRUE(attached().empty());
}

TEST_F(OpsAttach, tells_of_a_device_that_was_moved_away) {
    const VethPair pair("xdr0", "xdr1");
    ASSERT_TRUE(attach(name_, on("xdr1")));
    run(fmt::format("ip link set xdr1 netns {}", peer()));
    ASSERT_EQ(attached().size(), 1U);
    EXPECT_EQ(attached().at(0).state, InterfaceState::elsewhere);
    auto instance = Instance::open_for_change(name_).value();
    EXPECT_TRUE(detach_all(instance));
    EXPECT_TRUE(attached().empty());
}

}  // namespace
}  // namespace xdemux::test::ops_attach_test
