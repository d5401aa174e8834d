// SPDX-License-Identifier: BSD-2-Clause
#include "support/netns_fixture.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <sys/wait.h>
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

double time_scale() {
    const char* text = std::getenv("XDEMUX_TIME_SCALE");
    if (text == nullptr) return 1.0;
    double scale = 0;
    const char* end = text + std::strlen(text);
    const auto [parsed, error] = std::from_chars(text, end, scale);
    if (error != std::errc() || parsed != end || scale <= 0)
        throw std::runtime_error(fmt::format("XDEMUX_TIME_SCALE is \"{}\", not a positive number", text));
    return scale;
}

int patience_ms(int milliseconds) {
    return static_cast<int>(milliseconds * time_scale());
}

std::string run(const std::string& command) {
    FILE* pipe = ::popen(fmt::format("{{ {} ; }} 2>&1", command).c_str(), "re");
    if (pipe == nullptr) throw std::runtime_error(fmt::format("cannot run \"{}\"", command));
    std::string output;
    std::array<char, 4096> chunk;
    while (const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), pipe))
        output.append(chunk.data(), size);
    const int status = ::pclose(pipe);
    if (status != 0)
        throw std::runtime_error(fmt::format("\"{}\" ended with status {}: {}", command,
                                             WIFEXITED(status) ? WEXITSTATUS(status) : status, output));
    return output;
}

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

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(limit * time_scale());
    while (!condition()) {
        if (Clock::now() >= deadline) return condition();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
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
