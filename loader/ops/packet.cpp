// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <xdemux/ops/packet.h>

namespace xdemux {
namespace {

using Frame = std::vector<std::uint8_t>;

constexpr std::array<std::uint8_t, 6> source_mac{0x02, 0, 0, 0, 0, 0x02};  // locally administered
constexpr std::uint8_t time_to_live = 64;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t protocol_fragment = 44;
constexpr unsigned later_offset = 1480;   // bytes of the datagram before a later fragment
constexpr unsigned fragment_id = 0x7864;  // of no datagram that is under way, most likely
constexpr std::size_t later_size = 16;    // bytes of a later fragment

constexpr std::pair<std::string_view, TcpFlag> flag_names[] = {{"fin", tcp_fin}, {"syn", tcp_syn}, {"rst", tcp_rst},
                                                               {"psh", tcp_psh}, {"ack", tcp_ack}, {"urg", tcp_urg}};

void put16(Frame& frame, unsigned value) {
    frame.push_back(static_cast<std::uint8_t>(value >> 8U));
    frame.push_back(static_cast<std::uint8_t>(value));
}

void put32(Frame& frame, std::uint32_t value) {
    put16(frame, value >> 16U);
    put16(frame, value & 0xffffU);
}

void put_bytes(Frame& frame, std::span<const std::uint8_t> bytes) {
    frame.insert(frame.end(), bytes.begin(), bytes.end());
}

std::span<const std::uint8_t> bytes_of(const Address& address) {
    return std::span(address.bytes()).first(address_bits(address.family()) / 8U);
}

/// RFC 1071, in host order.
std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8U : bytes[i];
    while (sum > 0xffffU)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

void store16(std::span<std::uint8_t> at, std::uint16_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8U);
    at[1] = static_cast<std::uint8_t>(value);
}

Frame tcp_segment(const PacketSpec& spec) {
    Frame segment;
    put16(segment, spec.source.port);
    put16(segment, spec.destination.port);
    put32(segment, 1);                                        // sequence number
    put32(segment, (spec.tcp_flags & tcp_ack) != 0 ? 1 : 0);  // acknowledgement number
    segment.push_back(5 << 4U);                               // header length in words
    segment.push_back(spec.tcp_flags);
    put16(segment, 65'535);  // window
    put16(segment, 0);       // checksum
    put16(segment, 0);       // urgent pointer
    return segment;
}

Frame udp_datagram(const PacketSpec& spec) {
    Frame datagram;
    put16(datagram, spec.source.port);
    put16(datagram, spec.destination.port);
    put16(datagram, 8);  // length
    put16(datagram, 0);  // checksum
    return datagram;
}

/// The pseudo-header of RFC 9293, 3.1 and RFC 8200, 8.1; their sums are the same.
Frame pseudo_header(const PacketSpec& spec, std::uint8_t protocol, std::size_t length) {
    Frame pseudo;
    put_bytes(pseudo, bytes_of(spec.source.address));
    put_bytes(pseudo, bytes_of(spec.destination.address));
    put32(pseudo, static_cast<std::uint32_t>(length));
    put32(pseudo, protocol);
    return pseudo;
}

Frame transport(const PacketSpec& spec) {
    const bool tcp = spec.proto == Proto::tcp;
    Frame segment = tcp ? tcp_segment(spec) : udp_datagram(spec);
    Frame summed = pseudo_header(spec, tcp ? protocol_tcp : protocol_udp, segment.size());
    put_bytes(summed, segment);
    std::uint16_t sum = checksum(summed);
    if (!tcp && sum == 0) sum = 0xffff;  // RFC 768: zero means that there is none
    store16(std::span(segment).subspan(tcp ? 16 : 6, 2), sum);
    return segment;
}

/// The flags and the fragment offset of IPv4 (RFC 791): do not fragment, more fragments, or an offset alone.
unsigned ipv4_fragment_word(PacketPart part) {
    if (part == PacketPart::first_fragment) return 0x2000;
    return part == PacketPart::later_fragment ? later_offset / 8 : 0x4000;
}

Frame ipv4_header(const PacketSpec& spec, std::uint8_t protocol, std::size_t payload) {
    Frame header{0x45, 0};
    put16(header, static_cast<unsigned>(20 + payload));
    put16(header, spec.part == PacketPart::whole ? 0 : fragment_id);
    put16(header, ipv4_fragment_word(spec.part));
    header.push_back(time_to_live);
    header.push_back(protocol);
    put16(header, 0);
    put_bytes(header, bytes_of(spec.source.address));
    put_bytes(header, bytes_of(spec.destination.address));
    store16(std::span(header).subspan(10, 2), checksum(header));
    return header;
}

Frame ipv6_header(const PacketSpec& spec, std::uint8_t protocol, std::size_t payload) {
    Frame header;
    put32(header, 6U << 28U);
    put16(header, static_cast<unsigned>(payload));
    header.push_back(protocol);
    header.push_back(time_to_live);
    put_bytes(header, bytes_of(spec.source.address));
    put_bytes(header, bytes_of(spec.destination.address));
    return header;
}

/// The extension header of a fragment (RFC 8200, 4.5); a whole packet has none.
Frame ipv6_fragment_header(const PacketSpec& spec, std::uint8_t protocol) {
    Frame header;
    if (spec.part == PacketPart::whole) return header;
    header.push_back(protocol);
    header.push_back(0);
    put16(header, spec.part == PacketPart::first_fragment ? 1 : later_offset);
    put32(header, fragment_id);
    return header;
}

std::array<std::uint8_t, 6> destination_mac(const PacketSpec& spec) {
    const Address& address = spec.destination.address;
    const auto& bytes = address.bytes();
    if (address.is_broadcast()) return {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (!address.is_multicast()) return spec.destination_mac;
    if (address.family() == Family::ipv6) return {0x33, 0x33, bytes[12], bytes[13], bytes[14], bytes[15]};
    return {0x01, 0x00, 0x5e, static_cast<std::uint8_t>(bytes[1] & 0x7fU), bytes[2], bytes[3]};
}

}  // namespace

Result<std::uint8_t> parse_tcp_flags(std::string_view text) {
    if (text == "none") return std::uint8_t{0};
    unsigned flags = 0;
    for (std::string_view rest = text;;) {
        const std::size_t comma = rest.find(',');
        const std::string_view word = rest.substr(0, comma);
        const auto* found = std::find_if(std::begin(flag_names), std::end(flag_names),
                                         [&](const auto& each) { return each.first == word; });
        if (found == std::end(flag_names))
            return fail(ErrorKind::usage, fmt::format("\"{}\" is no TCP flag; there are fin, syn, rst, psh, ack, urg, "
                                                      "joined by commas, and none",
                                                      word));
        flags |= found->second;
        if (comma == std::string_view::npos) return static_cast<std::uint8_t>(flags);
        rest.remove_prefix(comma + 1);
    }
}

std::string tcp_flags_text(std::uint8_t flags) {
    std::string text;
    for (const auto& [name, flag] : flag_names) {
        if ((flags & flag) == 0) continue;
        if (!text.empty()) text += ',';
        text += name;
    }
    return text.empty() ? "none" : text;
}

Result<PacketPart> parse_packet_part(std::string_view text) {
    if (text == "first") return PacketPart::first_fragment;
    if (text == "later") return PacketPart::later_fragment;
    return fail(ErrorKind::usage, fmt::format("\"{}\" is no fragment; there are first and later", text));
}

std::string_view packet_part_name(PacketPart part) {
    switch (part) {
        case PacketPart::whole:
            return "whole";
        case PacketPart::first_fragment:
            return "first";
        case PacketPart::later_fragment:
            break;
    }
    return "later";
}

Result<Frame> build_packet(const PacketSpec& spec) {
    const Family family = spec.source.address.family();
    if (family != spec.destination.address.family())
        return fail(ErrorKind::usage, fmt::format("{} and {} are of different families", spec.source.to_string(),
                                                  spec.destination.to_string()));
    const std::uint8_t protocol = spec.proto == Proto::tcp ? protocol_tcp : protocol_udp;
    const bool ipv4 = family == Family::ipv4;
    Frame payload = ipv4 ? Frame() : ipv6_fragment_header(spec, protocol);
    put_bytes(payload, spec.part == PacketPart::later_fragment ? Frame(later_size) : transport(spec));
    Frame frame;
    put_bytes(frame, destination_mac(spec));
    put_bytes(frame, source_mac);
    put16(frame, ipv4 ? 0x0800 : 0x86dd);
    const bool extended = !ipv4 && spec.part != PacketPart::whole;
    put_bytes(frame, ipv4 ? ipv4_header(spec, protocol, payload.size())
                          : ipv6_header(spec, extended ? protocol_fragment : protocol, payload.size()));
    put_bytes(frame, payload);
    return frame;
}

}  // namespace xdemux
