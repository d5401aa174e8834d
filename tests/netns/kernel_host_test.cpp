// SPDX-License-Identifier: BSD-2-Clause
// What the host allows: capabilities, bpffs, and what drivers are set to.
#include <functional>
#include <initializer_list>
#include <thread>

#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xdemux/kernel/bpffs.h>
#include <xdemux/kernel/ethtool.h>
#include <xdemux/kernel/privilege.h>

#include "support/netns_fixture.h"

namespace xdemux::test::kernel_host_test {
namespace {

class KernelHost : public NetnsTest {};

/// Runs it in a thread without these capabilities: they belong to a thread, so the test process keeps its own.
void without(std::initializer_list<unsigned> capabilities, const std::function<void()>& action) {
    std::thread([&] {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
        ASSERT_EQ(::syscall(SYS_capget, &header, sets), 0);
        for (const unsigned each : capabilities)
            sets[each / 32].effective &= ~(1U << (each % 32));
        ASSERT_EQ(::syscall(SYS_capset, &header, sets), 0);
        action();
    }).join();
}

std::string refusal() {
    const Status status = require_capabilities();
    if (status) return "permitted";
    EXPECT_EQ(status.error().kind(), ErrorKind::not_permitted);
    return status.error().message();
}

TEST(Capabilities, root_has_what_is_needed) {
    EXPECT_TRUE(has_capability(CAP_NET_ADMIN));
    EXPECT_EQ(refusal(), "permitted");
}

TEST(Capabilities, each_missing_one_is_named) {
    without({CAP_NET_ADMIN}, [] {
        EXPECT_FALSE(has_capability(CAP_NET_ADMIN));
        EXPECT_EQ(refusal(), "not permitted: CAP_NET_ADMIN missing; run as root or with sudo");
    });
    without({CAP_BPF, CAP_SYS_ADMIN},
            [] { EXPECT_EQ(refusal(), "not permitted: CAP_BPF missing; run as root or with sudo"); });
    without({CAP_PERFMON, CAP_SYS_ADMIN},
            [] { EXPECT_EQ(refusal(), "not permitted: CAP_PERFMON missing; run as root or with sudo"); });
    without({CAP_BPF, CAP_SYS_ADMIN, CAP_NET_ADMIN},
            [] { EXPECT_EQ(refusal(), "not permitted: CAP_BPF and CAP_NET_ADMIN missing; run as root or with sudo"); });
}

TEST(Capabilities, sys_admin_includes_bpf) {
    without({CAP_BPF}, [] { EXPECT_EQ(refusal(), "permitted"); });
    without({CAP_SYS_ADMIN}, [] { EXPECT_EQ(refusal(), "permitted"); });
}

TEST(Bpffs, the_mounted_one_is_accepted) {
    const Status status = require_bpffs();
    EXPECT_TRUE(status) << status.error().message();
}

TEST(Bpffs, another_file_system_is_refused_with_the_command) {
    const Status status = require_bpffs("/tmp");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(status.error().message(),
              "no BPF file system at \"/tmp\"; mount one with mount -t bpf bpf /tmp, but inside ip netns exec leave "
              "that and use "
              "--netns NAME");
}

TEST(Bpffs, a_missing_directory_is_refused_alike) {
    const Status status = require_bpffs("/nonexistent");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind(), ErrorKind::unsupported);
}

TEST_F(KernelHost, receive_vlan_offload_follows_the_setting) {
    run("ethtool -K xd0 rxvlan off");
    const auto off = receive_vlan_offload(near_device);
    run("ethtool -K xd0 rxvlan on");
    const auto on = receive_vlan_offload(near_device);
    ASSERT_TRUE(off && on);
    EXPECT_FALSE(*off);
    EXPECT_TRUE(*on);
}

TEST_F(KernelHost, a_veth_has_no_large_receive_offload) {
    const auto enabled = large_receive_offload(near_device);
    ASSERT_TRUE(enabled);
    EXPECT_FALSE(*enabled);
}

TEST_F(KernelHost, channels_are_the_queues_of_the_device) {
    run("ip link add xd6 numrxqueues 4 numtxqueues 4 type veth peer name xd7 numrxqueues 4 numtxqueues 4");
    run("ethtool -L xd6 rx 3 tx 2");
    const auto found = channels("xd6");
    run("ip link del xd6");
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->receive, 3U);
    EXPECT_EQ(found->transmit, 2U);
    EXPECT_EQ(found->combined, 0U);
    EXPECT_EQ(found->receive_queues(), 3U);
}

TEST_F(KernelHost, a_device_without_channels_is_unsupported) {
    const auto found = channels("lo");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(found.error().message(), "cannot read the queue count of lo: operation not supported (EOPNOTSUPP)");
}

TEST_F(KernelHost, the_driver_has_a_name) {
    const auto name = driver_name(near_device);
    ASSERT_TRUE(name) << name.error().message();
    EXPECT_EQ(*name, "veth");
}

TEST_F(KernelHost, an_unknown_interface_is_not_found) {
    for (const char* name : {"foo", "", "a-name-that-is-too-long-for-the-kernel"}) {
        const auto result = driver_name(name);
        ASSERT_FALSE(result) << name;
        EXPECT_EQ(result.error().kind(), ErrorKind::not_found);
        EXPECT_EQ(result.error().message(), "no interface \"" + std::string(name) + "\"; see ip link");
    }
}

}  // namespace
}  // namespace xdemux::test::kernel_host_test
