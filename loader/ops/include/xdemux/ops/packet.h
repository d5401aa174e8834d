// SPDX-License-Identifier: BSD-2-Clause
// Builds the frame that `explain` asks about: Ethernet, IPv4 or IPv6, TCP or UDP, lengths and checksums right. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

/// Bits of the TCP header's flags (RFC 9293, 3.1).
enum TcpFlag : std::uint8_t {
    tcp_fin = 1,
    tcp_syn = 2,
    tcp_rst = 4,
    tcp_psh = 8,
    tcp_ack = 16,
    tcp_urg = 32,
};

/// "syn", "syn,ack", "fin,ack", "none". ErrorKind::usage.
Result<std::uint8_t> parse_tcp_flags(std::string_view text);

/// "syn,ack"; "none".
std::string tcp_flags_text(std::uint8_t flags);

/// A whole packet, or which of its pieces.
enum class PacketPart : std::uint8_t {
    whole,
    first_fragment,
    later_fragment,  ///< has no ports
};
/// "first", "later". ErrorKind::usage.
Result<PacketPart> parse_packet_part(std::string_view text);
/// "whole", "first", "later".
std::string_view packet_part_name(PacketPart part);

struct PacketSpec {
    Proto proto = Proto::tcp;
    SocketAddress source;
    SocketAddress destination;
    std::uint8_t tcp_flags = tcp_syn;  ///< TcpFlag bits; of UDP of no meaning
    /// The device's where it comes in; of a multicast address: by RFC 1112, 2464.
    std::array<std::uint8_t, 6> destination_mac{0x02, 0, 0, 0, 0, 0x01};
    PacketPart part = PacketPart::whole;
};

/// ErrorKind::usage where the families differ.
Result<std::vector<std::uint8_t>> build_packet(const PacketSpec& spec);

}  // namespace xdemux
