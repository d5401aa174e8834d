// SPDX-License-Identifier: BSD-2-Clause
#include "support/testbed.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <stdexcept>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/shell.h"
#include "support/bpf_maps.h"

namespace xdemux::test {
namespace {

std::unique_ptr<Testbed> testbed;

std::size_t pin_to_one_cpu() {
    const int cpu = ::sched_getcpu();
    if (cpu < 0) give_up("cannot tell the CPU");
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    if (::sched_setaffinity(0, sizeof(set), &set) != 0) give_up("cannot pin to a CPU");
    return static_cast<std::size_t>(cpu);
}

void write_sysctl(const std::string& path, bool on) {
    std::ofstream file("/proc/sys/net/" + path);
    file << (on ? '1' : '0') << std::flush;
    if (!file) throw std::runtime_error("cannot write the sysctl " + path);
}

std::uint32_t index_of_device(const char* name) {
    const unsigned index = ::if_nametoindex(name);
    if (index == 0) give_up(std::string("no device ") + name);
    return index;
}

}  // namespace

Testbed& Testbed::get() {
    if (!testbed) throw std::logic_error("the test bed is not set up");
    return *testbed;
}

void Testbed::set_up() {
    if (::unshare(CLONE_NEWNET) != 0) give_up("cannot make a network namespace");
    auto bed = std::make_unique<Testbed>();
    bed->cpu_ = pin_to_one_cpu();
    run("ip link set lo up");
    run("ip link add xd0 type veth peer name xd1");
    // Frames to either are for this host, as the test programs' tables have it (local_tables.h).
    run("ip link set xd0 address " + std::string(host_mac) + " && ip link set xd1 address " + std::string(peer_mac));
    run("ip link set xd0 up && ip link set xd1 up");
    run("ip addr add 192.0.2.1/24 dev xd0 && ip addr add 2001:db8::1/64 dev xd0 nodad");
    run("ip route add 203.0.113.0/24 via 192.0.2.2 && ip -6 route add 2001:db8:bb::/48 via 2001:db8::2");
    bed->ifindex_ = index_of_device("xd0");
    bed->other_ifindex_ = index_of_device("xd1");
    testbed = std::move(bed);
    testbed->set_forwarding(false);
}

void Testbed::tear_down() {
    testbed.reset();
    run("ip link del xd0");
}

void Testbed::set_forwarding(bool on) {
    write_sysctl("ipv4/conf/xd0/forwarding", on);
    write_sysctl("ipv6/conf/xd0/forwarding", on);
    wait_for_next_jiffy();
}

void Testbed::send(const Packet& packet) const {
    Bytes frame = packet.bytes();
    const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    if (fd < 0) give_up("cannot open a packet socket");
    ifreq request{};
    std::strcpy(request.ifr_name, "xd0");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(other_ifindex_);
    address.sll_halen = ETH_ALEN;
    bool sent = ::ioctl(fd, SIOCGIFHWADDR, &request) == 0;
    if (sent) {
        std::memcpy(frame.data(), request.ifr_hwaddr.sa_data, ETH_ALEN);
        sent = ::sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
               static_cast<ssize_t>(frame.size());
    }
    const int error = errno;
    ::close(fd);
    errno = error;
    if (!sent) give_up("cannot send a frame");
}

std::uint64_t coarse_now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

void wait_for_next_jiffy() {
    // Two ticks: the first may have passed for the clock while jiffies still stood.
    for (int ticks = 0; ticks < 2; ticks++) {
        const std::uint64_t before = coarse_now_ns();
        if (!wait_until([&] { return coarse_now_ns() != before; }))
            throw std::runtime_error("the coarse clock stands still");
    }
}

}  // namespace xdemux::test
