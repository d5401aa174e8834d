// SPDX-License-Identifier: BSD-2-Clause
// NetnsScope and what names a namespace.
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <xdemux/kernel/bpffs.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/netns.h>

#include "support/netns_fixture.h"

namespace xdemux::test::kernel_netns_test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class KernelNetns : public NetnsTest {};

TEST_F(KernelNetns, entering_by_name_shows_the_interfaces_of_that_namespace) {
    const auto scope = NetnsScope::enter(peer());
    ASSERT_TRUE(scope) << scope.error().message();
    EXPECT_TRUE(interface_by_name(far_device));
    EXPECT_FALSE(interface_by_name(near_device));
}

TEST_F(KernelNetns, leaving_the_scope_returns_to_the_namespace_before) {
    const auto before = netns_cookie();
    ASSERT_TRUE(before);
    {
        const auto scope = NetnsScope::enter(peer());
        ASSERT_TRUE(scope);
        EXPECT_NE(netns_cookie().value(), *before);
    }
    EXPECT_EQ(netns_cookie().value(), *before);
}

TEST_F(KernelNetns, a_moved_scope_returns_once_and_at_the_end_of_its_new_owner) {
    const auto before = netns_cookie().value();
    {
        auto first = NetnsScope::enter(peer());
        ASSERT_TRUE(first);
        const NetnsScope second = std::move(*first);
        EXPECT_NE(netns_cookie().value(), before);
    }
    EXPECT_EQ(netns_cookie().value(), before);
}

TEST_F(KernelNetns, scopes_nest) {
    const NamedNetns other;
    const auto outer = NetnsScope::enter(peer());
    ASSERT_TRUE(outer);
    {
        const auto inner = NetnsScope::enter(other.name());
        ASSERT_TRUE(inner);
        EXPECT_EQ(netns_name(), other.name());
    }
    EXPECT_EQ(netns_name(), peer());
}

TEST_F(KernelNetns, a_path_names_a_namespace_too) {
    const auto scope = NetnsScope::enter(fmt::format("/run/netns/{}", peer()));
    ASSERT_TRUE(scope) << scope.error().message();
    EXPECT_EQ(netns_name(), peer());
}

TEST_F(KernelNetns, other_threads_stay_where_they_are) {
    const auto main_thread = netns_cookie().value();
    std::uint64_t inside = 0;
    std::uint64_t main_thread_meanwhile = 0;
    std::optional<std::string> name_inside;
    std::thread([&] {
        const auto scope = NetnsScope::enter(peer());
        inside = netns_cookie().value();
        name_inside = netns_name();
        // /proc/PID shows the main thread's namespace.
        const auto back = NetnsScope::enter(fmt::format("/proc/{}/ns/net", ::getpid()));
        main_thread_meanwhile = netns_cookie().value();
    }).join();
    EXPECT_NE(inside, main_thread);
    EXPECT_EQ(name_inside, peer());
    EXPECT_EQ(main_thread_meanwhile, main_thread);
}

TEST_F(KernelNetns, bpffs_stays_visible_inside) {
    const auto scope = NetnsScope::enter(peer());
    ASSERT_TRUE(scope);
    const auto mounted = require_bpffs();
    EXPECT_TRUE(mounted) << mounted.error().message();
}

TEST_F(KernelNetns, an_unknown_name_is_not_found_and_the_known_ones_are_listed) {
    const auto scope = NetnsScope::enter("nowhere");
    ASSERT_FALSE(scope);
    EXPECT_EQ(scope.error().kind(), ErrorKind::not_found);
    EXPECT_THAT(scope.error().message(), HasSubstr("no network namespace \"nowhere\"; known ones: "));
    EXPECT_THAT(scope.error().message(), HasSubstr(peer()));
}

TEST_F(KernelNetns, a_file_that_is_no_namespace_is_a_usage_error) {
    const auto before = netns_cookie().value();
    const auto scope = NetnsScope::enter("/dev/null");
    ASSERT_FALSE(scope);
    EXPECT_EQ(scope.error().kind(), ErrorKind::usage);
    EXPECT_THAT(scope.error().message(), HasSubstr("\"/dev/null\" is not a network namespace"));
    EXPECT_EQ(netns_cookie().value(), before);
}

TEST_F(KernelNetns, a_namespace_of_another_kind_is_a_usage_error) {
    const auto scope = NetnsScope::enter("/proc/self/ns/mnt");
    ASSERT_FALSE(scope);
    EXPECT_EQ(scope.error().kind(), ErrorKind::usage);
}

TEST_F(KernelNetns, a_namespace_without_a_name_has_none) {
    EXPECT_EQ(netns_name(), std::nullopt);
}

TEST_F(KernelNetns, a_deleted_namespace_is_known_no_more) {
    std::string name;
    {
        const NamedNetns gone;
        name = gone.name();
        EXPECT_THAT(known_netns(), Contains(name));
    }
    EXPECT_THAT(known_netns(), Not(Contains(name)));
}

}  // namespace
}  // namespace xdemux::test::kernel_netns_test
