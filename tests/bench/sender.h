// SPDX-License-Identifier: BSD-2-Clause
// Sends packets out of a device as fast as the kernel can (BPF_PROG_TEST_RUN with live frames), or at a rate. It
// receives nothing.
#pragma once

#include <cstdint>
#include <functional>

#include "support/packet_builder.h"

struct flood;

namespace xdemux::bench {

/// An IPv4 packet without options, and the offsets of two 16-bit words of it that balance each other in its checksum.
struct FloodPacket {
    test::Packet packet;
    std::uint32_t port_at, balance_at;
};
FloodPacket udp_flood_packet();
/// To which local ports, from which remote one.
inline constexpr std::uint16_t flood_first_port = 20000, flood_ports = 8192, flood_remote_port = 40000;
FloodPacket syn_flood_packet();

/// Every method throws std::runtime_error when the kernel refuses.
class Sender {
  public:
    Sender(const FloodPacket& packet, std::uint32_t out_ifindex);
    ~Sender();
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    using Until = std::function<bool()>;
    /// As fast as it goes; ns that it took, without the preparations of the kernel: they are some 20 ms a call.
    double send_until(const Until& over);
    /// So many a second, in bursts.
    void send_at(std::uint32_t rate, const Until& over);

  private:
    double send(std::uint32_t count);

    flood* skeleton_ = nullptr;
    test::Bytes frame_;
};

}  // namespace xdemux::bench
