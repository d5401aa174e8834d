// SPDX-License-Identifier: BSD-2-Clause
// The sk_lookup program's comings and goings: with the targets that need it, with the settings, beside those of others,
// and where a writer was killed.
#include <algorithm>
#include <cstdio>

#include <bpf/bpf.h>
#include <unistd.h>

#include <xdemux/kernel/link.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/ops/doctor.h>

#include "support/socket_fixture.h"

namespace xdemux::test::ops_socket_lookup_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OpsSocketLookup : public SocketTest {};

TEST_F(OpsSocketLookup, comes_with_the_first_target_and_goes_with_the_last) {
    EXPECT_THAT(programs(), IsEmpty());
    ASSERT_TRUE(add(to_socket("*:4080")));
    EXPECT_THAT(programs(), SizeIs(1));
    EXPECT_EQ(programs()[0], program_id(pins_.open("sk_lookup")->get()).value());
    ASSERT_TRUE(add(to_socket("*:4081", "other")));
    EXPECT_THAT(programs(), SizeIs(1));
    ASSERT_TRUE(remove(to_socket("*:4080")));
    EXPECT_THAT(programs(), SizeIs(1));
    ASSERT_TRUE(remove(to_socket("*:4081", "other")));
    EXPECT_THAT(programs(), IsEmpty());
    EXPECT_FALSE(pins_.has("sk_lookup"));
    const Fd socket = server(AF_INET6, SOCK_STREAM);
    ASSERT_TRUE(enlist(socket));
    EXPECT_THAT(programs(), SizeIs(1));
    ASSERT_TRUE(unload_instance(name_));
    EXPECT_THAT(programs(), IsEmpty());
}

TEST_F(OpsSocketLookup, delivers_in_enforce_mode_alone) {
    const Fd socket = server(AF_INET6, SOCK_STREAM);
    ASSERT_TRUE(add(to_socket("*:4080")));
    ASSERT_TRUE(enlist(socket));
    const auto first = programs();
    set_mode(Mode::monitor);
    EXPECT_EQ(found(near_ipv4), 0U);
    EXPECT_THAT(programs(), SizeIs(1));
    EXPECT_NE(programs(), first) << "replaced with the settings";
    EXPECT_EQ(programs()[0], program_id(pins_.open("sk_lookup")->get()).value());
    set_mode(Mode::enforce);
    EXPECT_EQ(found(near_ipv4), cookie_of(socket));
    EXPECT_EQ(rows()[0].count.packets, 1U);
}

// As InstanceTest has it for the XDP program: see <xdemux/kernel/pins.h>.
TEST_F(OpsSocketLookup, is_the_committed_one_where_a_replacement_was_killed) {
    const Fd socket = server(AF_INET6, SOCK_STREAM);
    ASSERT_TRUE(add(to_socket("*:4080")));
    ASSERT_TRUE(enlist(socket));
    const auto before = programs();
    contract::settings settings = Instance::open(name_)->settings();
    settings.rules.mode = contract::MODE_MONITOR;
    const auto replacement = [&] {
        ObjectOptions options{settings};
        options.socket_lookup = true;
        std::vector<Fd> tables;
        for (const auto& table : table_names()) {
            tables.push_back(pins_.open(table).value());
            options.reuse.push_back({table, tables.back().get()});
        }
        auto object = LoadedObject::load(options).value();
        const auto pin = [&](int fd, const char* name) {
            ASSERT_EQ(::bpf_obj_pin(fd, pins_.path_of(name).c_str()), 0);
        };
        pin(object.program(), "prog_new");
        pin(object.socket_lookup(), "sk_lookup_new");
        pin(object.settings(), "settings_new");
        EXPECT_TRUE(update_link(pins_.open("sk_lookup_link")->get(), object.socket_lookup()));
        return object;
    };
    { const auto killed = replacement(); }
    EXPECT_EQ(found(near_ipv4), 0U) << "the new program is in place";
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_EQ(programs(), before) << "it was not committed";
    EXPECT_EQ(found(near_ipv4), cookie_of(socket));
    EXPECT_FALSE(pins_.has("sk_lookup_new"));

    std::uint32_t committed = 0;
    {
        const auto killed = replacement();
        committed = program_id(killed.socket_lookup()).value();
        ASSERT_EQ(::rename(pins_.path_of("prog_new").c_str(), pins_.path_of("prog").c_str()), 0);
    }
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_THAT(programs(), ElementsAre(committed));
    EXPECT_EQ(program_id(pins_.open("sk_lookup")->get()).value(), committed);
    EXPECT_FALSE(pins_.has("sk_lookup_new"));
    EXPECT_EQ(found(near_ipv4), 0U);
}

TEST_F(OpsSocketLookup, missing_or_left_over_is_set_right_by_the_next_writer) {
    ASSERT_TRUE(add(to_socket("*:4080")));
    ASSERT_TRUE(pins_.end_socket_lookup()) << "as if killed before it was attached";
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_THAT(programs(), SizeIs(1));
    ASSERT_EQ(::unlink(pins_.path_of("sk_lookup_link").c_str()), 0) << "as if killed between the two pins";
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_THAT(programs(), SizeIs(1));
    ASSERT_TRUE(remove(to_socket("*:4080")));
    EXPECT_THAT(programs(), IsEmpty());
    {
        auto instance = Instance::open_for_change(name_);
        ASSERT_TRUE(instance->serve_sockets(true)) << "as if killed before it was taken off";
    }
    EXPECT_THAT(programs(), SizeIs(1));
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_THAT(programs(), IsEmpty());
}

TEST_F(OpsSocketLookup, leaves_the_programs_of_others_alone) {
    ASSERT_TRUE(add(to_socket("*:4080")));
    const Fd socket = server(AF_INET6, SOCK_STREAM), others = server(AF_INET6, SOCK_STREAM);
    ASSERT_TRUE(enlist(socket));
    const auto ours = programs();
    const std::string first = name_ + "-first";
    {
        auto second = Instance::open_or_create(first, {Settings{Mode::enforce}});
        ASSERT_TRUE(second) << second.error().message();
        ASSERT_TRUE(change_listeners(*second, std::vector{to_socket("*:4080"), to_socket("*:4090")}));
        ASSERT_TRUE(register_socket(*second, "web", {std::nullopt, others.get()}));
    }
    ASSERT_THAT(programs(), SizeIs(2));
    EXPECT_EQ(programs()[0], ours[0]) << "in the order in which they came";
    EXPECT_EQ(found(near_ipv4), cookie_of(socket)) << "what the first chose stands";
    EXPECT_EQ(found(near_ipv4, 4090), cookie_of(others));
    const auto findings = diagnose(name_, near_device).value();
    const auto told = std::ranges::find(findings, "socket_programs", &Finding::id);
    ASSERT_NE(told, findings.end());
    EXPECT_THAT(told->what, HasSubstr(fmt::format("id {}", programs()[1])));
    EXPECT_THAT(told->why, HasSubstr("0 before this instance's"));
    ASSERT_TRUE(remove(to_socket("*:4080")));
    ASSERT_TRUE(dismiss());
    EXPECT_THAT(programs(), SizeIs(1));
    EXPECT_EQ(found(near_ipv4), cookie_of(others));
    EXPECT_TRUE(unload_instance(first));
}

TEST_F(OpsSocketLookup, of_a_namespace_that_is_gone_does_not_hold_the_instance) {
    const std::string name = name_ + "-gone";
    {
        const NamedNetns other;
        const auto scope = NetnsScope::enter(other.name());
        ASSERT_TRUE(scope);
        auto instance = Instance::open_or_create(name);
        ASSERT_TRUE(instance) << instance.error().message();
        ASSERT_TRUE(change_listeners(*instance, std::vector{to_socket("*:4080")}));
    }
    ASSERT_TRUE(wait_until([&] { return unload_instance(name).has_value(); }));
}

TEST_F(OpsSocketLookup, needs_a_route_that_brings_packets_to_it) {
    const auto told = [&] {
        std::string text;
        const auto findings = diagnose(name_, near_device).value();
        for (const auto& finding : findings)
            if (finding.id == "socket_prefix") text += finding.what + "; " + finding.remedy.value_or("") + "\n";
        return text;
    };
    ASSERT_TRUE(change({to_socket("203.0.113.0/24:80"), to_socket("[2001:db8:113::/64]:80"), to_socket("192.0.2.1:80"),
                        to_socket("*:81")}));
    EXPECT_EQ(told(),
              "203.0.113.0/24 is not this host's by any route; ip route add local 203.0.113.0/24 dev lo\n"
              "2001:db8:113::/64 is not this host's by any route; "
              "ip -6 route add local 2001:db8:113::/64 dev lo\n");
    run("ip route add local 203.0.113.0/24 dev lo");
    run("ip -6 route add local 2001:db8::/32 dev lo");
    EXPECT_EQ(told(), "");
    run("ip route del local 203.0.113.0/24 dev lo");
    run("ip -6 route del local 2001:db8::/32 dev lo");
}

}  // namespace
}  // namespace xdemux::test::ops_socket_lookup_test
