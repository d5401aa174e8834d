// SPDX-License-Identifier: BSD-2-Clause
#include "sender.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "flood.skel.h"
#include "support/bpf_maps.h"
#include "support/testbed.h"

namespace xdemux::bench {
namespace {

constexpr std::uint32_t transport_at = 14 + 20;
constexpr std::uint16_t balance = 40000;
constexpr std::uint32_t burst = 100'000;
constexpr std::chrono::milliseconds pause{20};  // between two bursts at a rate

}  // namespace

// The first two bytes of the payload balance the port.
FloodPacket udp_flood_packet() {
    test::Bytes payload(22);
    payload[0] = balance >> 8;
    payload[1] = balance & 0xff;
    return {
        test::eth().ipv4(test::peer_ipv4, test::host_ipv4).udp(flood_remote_port, flood_first_port).payload(payload),
        transport_at + 2, transport_at + 8};
}

// The window balances the port.
FloodPacket syn_flood_packet() {
    return {test::eth()
                .ipv4(test::peer_ipv4, test::host_ipv4)
                .tcp(flood_remote_port, flood_first_port)
                .syn()
                .window(balance),
            transport_at + 2, transport_at + 14};
}

Sender::Sender(const FloodPacket& packet, std::uint32_t out_ifindex)
    : skeleton_(flood::open()), frame_(packet.packet.bytes()) {
    if (skeleton_ == nullptr) test::give_up("cannot open the sender", errno);
    auto& constants = *skeleton_->rodata;
    constants.port_at = packet.port_at;
    constants.balance_at = packet.balance_at;
    constants.first_port = flood_first_port;
    constants.balance = balance;
    constants.out_ifindex = out_ifindex;
    if (const int error = flood::load(skeleton_); error != 0) {
        flood::destroy(skeleton_);
        test::give_up("cannot load the sender", -error);
    }
}

Sender::~Sender() {
    flood::destroy(skeleton_);
}

// The kernel says what the average frame took, in whole ns.
double Sender::send(std::uint32_t count) {
    bpf_test_run_opts options{};  // LIBBPF_OPTS is C that clang's -Wpedantic refuses
    options.sz = sizeof(options);
    options.data_in = frame_.data();
    options.data_size_in = static_cast<__u32>(frame_.size());
    options.repeat = static_cast<int>(count);
    options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    const int error = bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.send), &options);
    if (error != 0) test::give_up("cannot send live frames", -error);
    return static_cast<double>(options.duration) * count;
}

double Sender::send_until(const Until& over) {
    double ns = 0;
    do
        ns += send(burst);
    while (!over());
    return ns;
}

void Sender::send_at(std::uint32_t rate, const Until& over) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    for (std::uint64_t sent = 0; !over();) {
        const std::chrono::duration<double> elapsed = Clock::now() - start;
        const auto due = static_cast<std::uint64_t>(rate * elapsed.count());
        // Where this machine is slower than the rate, what is missed stays missed.
        if (due > sent) send(static_cast<std::uint32_t>(std::min<std::uint64_t>(due - sent, burst)));
        sent = due;
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace xdemux::bench
