// SPDX-License-Identifier: BSD-2-Clause
#include "support/netns_fixture.h"

#include <cstdio>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <xdemux/kernel/netns.h>

namespace xdemux::test {
namespace {

bool carrier_is_up(const std::string& device) {
    // Not from /sys, which still shows the namespace that it was mounted in.
    return run(fmt::format("ip -o link show dev {}", device)).find("LOWER_UP") != std::string::npos;
}

struct Topology {
    NamedNetns peer;
    VethPair pair;

    Topology(const char* near, const char* far) : pair(near, far, peer.name()) {}
};

std::unique_ptr<Topology> topology;

}  // namespace

bool tells_driver_features() {
    utsname name{};
    int major = 0, minor = 0;
    if (::uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2)
        throw std::runtime_error("cannot tell the kernel's version");
    return std::pair(major, minor) >= std::pair(6, 3);
}

std::string run_in(const std::string& netns, const std::string& command) {
    const auto scope = NetnsScope::enter(netns);
    if (!scope) throw std::runtime_error(scope.error().message());
    return run(command);
}

NamedNetns::NamedNetns() {
    static int count = 0;
    name_ = fmt::format("xdemux-test-{}-{}", ::getpid(), ++count);
    run(fmt::format("ip netns add {}", name_));
    run_in(name_, "ip link set lo up");
}

NamedNetns::~NamedNetns() {
    try {
        run(fmt::format("ip netns del {}", name_));
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
    }
}

VethPair::VethPair(std::string near, const std::string& far, const std::string& far_netns) : near_(std::move(near)) {
    run(fmt::format("ip link add {} type veth peer name {}", near_, far));
    const auto there = [&](const std::string& command) {
        return far_netns.empty() ? run(command) : run_in(far_netns, command);
    };
    if (!far_netns.empty()) run(fmt::format("ip link set {} netns {}", far, far_netns));
    run(fmt::format("ethtool -K {} tx off", near_));
    there(fmt::format("ethtool -K {} tx off", far));
    run(fmt::format("ip link set {} up", near_));
    there(fmt::format("ip link set {} up", far));
    if (!wait_until([&] { return carrier_is_up(near_); }))
        throw std::runtime_error(fmt::format("{} did not come up", near_));
}

// Explicitly, since a pair that is left to the end of its namespace goes only when the kernel gets round to it.
VethPair::~VethPair() {
    try {
        run(fmt::format("ip link del {}", near_));
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
    }
}

void NetnsTest::SetUpTestSuite() {
    topology = std::make_unique<Topology>(near_device, far_device);
    run(fmt::format("ip addr add {}/24 dev {}", near_ipv4, near_device));
    run(fmt::format("ip addr add {}/64 dev {} nodad", near_ipv6, near_device));
    run_in_peer(fmt::format("ip addr add {}/24 dev {}", far_ipv4, far_device));
    run_in_peer(fmt::format("ip addr add {}/64 dev {} nodad", far_ipv6, far_device));
}

void NetnsTest::TearDownTestSuite() {
    topology.reset();
}

const std::string& NetnsTest::peer() {
    return topology->peer.name();
}

}  // namespace xdemux::test
