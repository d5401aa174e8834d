// SPDX-License-Identifier: BSD-2-Clause
// Who receives packets without a TCP or UDP socket: packet sockets, raw sockets and IPVS, from /proc/net of the calling
// thread's network namespace. The parsers are pure; nothing here is changed or judged.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

/// A socket of packet(7).
struct PacketSocket {
    std::uint16_t ethertype = 0;  ///< ETH_P_IP, ETH_P_ALL (3), ...; host order; 0: it receives nothing
    std::uint32_t ifindex = 0;    ///< the device that it is bound to; 0 for all
    std::uint64_t inode = 0;      ///< see process.h
};
Result<std::vector<PacketSocket>> packet_sockets();
std::vector<PacketSocket> parse_packet_sockets(std::istream& text);

/// A socket of raw(7).
struct RawSocket {
    Family family = Family::ipv4;
    std::uint8_t protocol = 0;  ///< IPPROTO_ICMP, IPPROTO_TCP, ...; IPPROTO_RAW (255) receives nothing
    std::uint64_t inode = 0;
};
/// Of both families.
Result<std::vector<RawSocket>> raw_sockets();
std::vector<RawSocket> parse_raw_sockets(std::istream& text, Family family);

/// What IPVS balances.
struct VirtualService {
    std::optional<Proto> proto;            ///< none: by firewall mark, any packet may be meant
    std::optional<SocketAddress> address;  ///< none: by firewall mark; port 0: all ports (a persistent service)
};
/// None where the kernel has no IPVS.
Result<std::vector<VirtualService>> virtual_services();
std::vector<VirtualService> parse_virtual_services(std::istream& text);

}  // namespace xdemux
