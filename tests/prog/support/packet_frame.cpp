// SPDX-License-Identifier: BSD-2-Clause
// Layers into a frame: next protocols, lengths and checksums.
#include <algorithm>

#include "support/network_order.h"
#include "support/packet_builder.h"

namespace xdemux::test {
namespace {

constexpr std::uint8_t protocol_icmp = 1, protocol_tcp = 6, protocol_udp = 17, protocol_icmpv6 = 58;
constexpr std::size_t no_layer = SIZE_MAX;

// RFC 1071: the sum of big-endian 16-bit words, an odd last byte as the high one.
std::uint32_t sum16(const std::uint8_t* from, std::size_t size) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < size; i++)
        sum += static_cast<std::uint32_t>(from[i]) << (i % 2 == 0 ? 8 : 0);
    return sum;
}

std::uint16_t checksum(std::uint32_t sum) {
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::optional<std::uint16_t> Packet::next_ethertype(std::size_t index) const {
    if (layers_[index].next || index + 1 == layers_.size()) return layers_[index].next;
    switch (layers_[index + 1].kind) {
        case LayerKind::vlan:
            return layers_[index + 1].type;
        case LayerKind::ipv4:
            return std::uint16_t{0x0800};
        case LayerKind::ipv6:
            return std::uint16_t{0x86dd};
        default:
            return std::nullopt;
    }
}

std::optional<std::uint16_t> Packet::next_protocol(std::size_t index) const {
    if (layers_[index].next || index + 1 == layers_.size()) return layers_[index].next;
    switch (layers_[index + 1].kind) {
        case LayerKind::extension:
            return layers_[index + 1].type;
        case LayerKind::tcp:
            return protocol_tcp;
        case LayerKind::udp:
            return protocol_udp;
        case LayerKind::icmp:
            return protocol_icmp;
        case LayerKind::icmpv6:
            return protocol_icmpv6;
        default:
            return std::nullopt;
    }
}

void Packet::write_next(std::size_t index, Bytes& frame) const {
    const std::size_t at = offset_of_index(index), end = at + layers_[index].bytes.size();
    switch (layers_[index].kind) {
        case LayerKind::ethernet:
            return put16(frame, at + 12, end, next_ethertype(index).value_or(0x88b5));  // local experimental
        case LayerKind::vlan:
            return put16(frame, at + 2, end, next_ethertype(index).value_or(0x88b5));
        case LayerKind::ipv4:
            return put8(frame, at + 9, end, next_protocol(index).value_or(253));  // experimental
        case LayerKind::ipv6:
            return put8(frame, at + 6, end, next_protocol(index).value_or(59));  // no next header
        case LayerKind::extension:
            return put8(frame, at, end, next_protocol(index).value_or(59));
        default:
            return;
    }
}

void Packet::write_length(std::size_t index, Bytes& frame) const {
    const std::size_t at = offset_of_index(index), end = at + layers_[index].bytes.size();
    const auto rest = static_cast<std::uint32_t>(frame.size() - at);
    if (layers_[index].kind == LayerKind::ipv4) put16(frame, at + 2, end, rest);
    if (layers_[index].kind == LayerKind::ipv6) put16(frame, at + 4, end, rest - std::min(rest, 40U));
    if (layers_[index].kind == LayerKind::udp) put16(frame, at + 4, end, rest);
}

std::uint32_t Packet::pseudo_header_sum(std::size_t index, std::uint8_t protocol, std::size_t size) const {
    std::size_t ip = no_layer;
    for (std::size_t i = 0; i < index; i++)
        if (layers_[i].kind == LayerKind::ipv4 || layers_[i].kind == LayerKind::ipv6) ip = i;
    if (ip == no_layer) return 0;
    const Bytes& header = layers_[ip].bytes;
    const bool ipv6 = layers_[ip].kind == LayerKind::ipv6;
    return sum16(header.data() + (ipv6 ? 8 : 12), ipv6 ? 32 : 8) + protocol + static_cast<std::uint32_t>(size);
}

std::uint16_t Packet::transport_checksum(std::size_t index, std::uint8_t protocol, const Bytes& frame) const {
    const std::size_t at = offset_of_index(index), rest = frame.size() - at;
    const std::uint32_t pseudo = pseudo_header_sum(index, protocol, rest);
    if (layers_[index].partial_checksum) return static_cast<std::uint16_t>(~checksum(pseudo));
    return checksum(sum16(frame.data() + at, rest) + pseudo);
}

void Packet::write_checksum(std::size_t index, Bytes& frame) const {
    const std::size_t at = offset_of_index(index), end = at + layers_[index].bytes.size(), rest = frame.size() - at;
    const auto whole = [&] { return sum16(frame.data() + at, rest); };
    switch (layers_[index].kind) {
        case LayerKind::ipv4:
            return put16(frame, at + 10, end, checksum(sum16(frame.data() + at, end - at)));
        case LayerKind::tcp:
            return put16(frame, at + 16, end, transport_checksum(index, protocol_tcp, frame));
        case LayerKind::udp: {
            const std::uint16_t sum = transport_checksum(index, protocol_udp, frame);
            return put16(frame, at + 6, end, sum == 0 ? 0xffff : sum);  // RFC 768: zero means none
        }
        case LayerKind::icmp:
            return put16(frame, at + 2, end, checksum(whole()));
        case LayerKind::icmpv6:
            return put16(frame, at + 2, end, checksum(whole() + pseudo_header_sum(index, protocol_icmpv6, rest)));
        default:
            return;
    }
}

Bytes Packet::bytes() const {
    Bytes frame;
    for (const Layer& layer : layers_)
        frame.insert(frame.end(), layer.bytes.begin(), layer.bytes.end());
    // From the inside out, since an outer checksum covers inner ones.
    for (std::size_t i = layers_.size(); i-- > 0;) {
        write_next(i, frame);
        write_length(i, frame);
        write_checksum(i, frame);
    }
    for (std::size_t i = 0; i < layers_.size(); i++)
        for (const Override& fault : layers_[i].overrides)
            for (std::size_t n = 0; n < fault.value.size(); n++)
                frame.at(offset_of_index(i) + fault.offset + n) = fault.value[n];
    if (frame_size_) frame.resize(*frame_size_);
    return frame;
}

}  // namespace xdemux::test
