// SPDX-License-Identifier: BSD-2-Clause
#include "support/packet_builder.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include <arpa/inet.h>

#include "support/network_order.h"

namespace xdemux::test {
namespace {

constexpr std::uint8_t ext_hop_by_hop = 0, ext_routing = 43, ext_fragment = 44, ext_authentication = 51,
                       ext_destination = 60;
constexpr std::uint8_t option_nop = 1;

void append(Bytes& to, const IpAddress& address) {
    to.insert(to.end(), address.bytes.begin(), address.bytes.begin() + static_cast<std::ptrdiff_t>(address.size()));
}

}  // namespace

Bytes mac_bytes(std::string_view text) {
    Bytes bytes;
    for (std::size_t at = 0; at + 2 <= text.size(); at += 3)
        bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16)));
    if (bytes.size() != 6) throw std::invalid_argument("not a MAC address: " + std::string(text));
    return bytes;
}

IpAddress ip_address(std::string_view text) {
    IpAddress address;
    const std::string terminated(text);
    address.ipv6 = text.find(':') != std::string_view::npos;
    if (::inet_pton(address.ipv6 ? AF_INET6 : AF_INET, terminated.c_str(), address.bytes.data()) != 1)
        throw std::invalid_argument("not an address: " + terminated);
    return address;
}

Packet Packet::with(LayerKind kind, Bytes bytes, std::uint16_t type) const {
    Packet packet = *this;
    packet.layers_.push_back({kind, std::move(bytes), type, std::nullopt, {}});
    return packet;
}

Packet::Layer& Packet::last(LayerKind kind) {
    if (layers_.empty() || layers_.back().kind != kind) throw std::logic_error("the last layer is of another kind");
    return layers_.back();
}

Packet Packet::eth(std::string_view destination, std::string_view source) const {
    Bytes bytes = mac_bytes(destination);
    const Bytes from = mac_bytes(source);
    bytes.insert(bytes.end(), from.begin(), from.end());
    bytes.resize(14);
    return with(LayerKind::ethernet, std::move(bytes));
}

Packet Packet::ethertype(std::uint16_t value) const {
    Packet packet = *this;
    packet.layers_.back().next = value;
    return packet;
}

Packet Packet::vlan(std::uint16_t id, std::uint16_t tag_protocol) const {
    Bytes bytes(4);
    put16(bytes, 0, 2, id);
    return with(LayerKind::vlan, std::move(bytes), tag_protocol);
}

Packet Packet::ipv4(std::string_view source, std::string_view destination) const {
    Bytes bytes(12);
    bytes[0] = 0x45;
    bytes[8] = 64;
    append(bytes, ip_address(source));
    append(bytes, ip_address(destination));
    return with(LayerKind::ipv4, std::move(bytes));
}

Packet Packet::options(std::size_t words) const {
    Packet packet = *this;
    Bytes& header = packet.last(LayerKind::ipv4).bytes;
    header.resize(header.size() + 4 * words, option_nop);
    header[0] = static_cast<std::uint8_t>(0x40 | header.size() / 4);
    return packet;
}

Packet Packet::dont_fragment() const {
    Packet packet = *this;
    packet.last(LayerKind::ipv4).bytes[6] |= 0x40;
    return packet;
}

Packet Packet::fragment(std::uint16_t id, std::uint16_t offset, bool more) const {
    Packet packet = *this;
    Bytes& header = packet.last(LayerKind::ipv4).bytes;
    put16(header, 4, 6, id);
    put16(header, 6, 8, (more ? 0x2000U : 0U) | offset / 8U);
    return packet;
}

Packet Packet::protocol(std::uint8_t number) const {
    return ethertype(number);
}

Packet Packet::ipv6(std::string_view source, std::string_view destination) const {
    Bytes bytes(8);
    bytes[0] = 0x60;
    bytes[7] = 64;
    append(bytes, ip_address(source));
    append(bytes, ip_address(destination));
    return with(LayerKind::ipv6, std::move(bytes));
}

Packet Packet::hop_by_hop(std::uint8_t units) const {
    Bytes bytes(8U + 8U * units);  // Pad1 options
    bytes[1] = units;
    return with(LayerKind::extension, std::move(bytes), ext_hop_by_hop);
}

Packet Packet::destination_options(std::uint8_t units) const {
    Bytes bytes(8U + 8U * units);
    bytes[1] = units;
    return with(LayerKind::extension, std::move(bytes), ext_destination);
}

Packet Packet::routing(std::uint8_t segments_left, std::uint8_t units) const {
    Bytes bytes(8U + 8U * units);
    bytes[1] = units;
    bytes[2] = 4;  // segment routing
    bytes[3] = segments_left;
    return with(LayerKind::extension, std::move(bytes), ext_routing);
}

Packet Packet::fragment6(std::uint32_t id, std::uint16_t offset, bool more) const {
    Bytes bytes(8);
    put16(bytes, 2, 4, offset | (more ? 1U : 0U));
    put32(bytes, 4, id);
    return with(LayerKind::extension, std::move(bytes), ext_fragment);
}

Packet Packet::authentication(std::uint8_t units) const {
    Bytes bytes(8U + 4U * units);
    bytes[1] = units;
    return with(LayerKind::extension, std::move(bytes), ext_authentication);
}

Packet Packet::tcp(std::uint16_t source, std::uint16_t destination) const {
    Bytes bytes(20);
    put16(bytes, 0, 2, source);
    put16(bytes, 2, 4, destination);
    bytes[12] = 5 << 4;
    put16(bytes, 14, 16, 64240);
    return with(LayerKind::tcp, std::move(bytes));
}

Packet Packet::flags(std::uint8_t bits) const {
    Packet packet = *this;
    packet.last(LayerKind::tcp).bytes[13] |= bits;
    return packet;
}

Packet Packet::fin() const {
    return flags(0x01);
}

Packet Packet::syn() const {
    return flags(0x02);
}

Packet Packet::rst() const {
    return flags(0x04);
}

Packet Packet::seq(std::uint32_t number) const {
    Packet packet = *this;
    put32(packet.last(LayerKind::tcp).bytes, 4, number);
    return packet;
}

Packet Packet::ack(std::uint32_t number) const {
    Packet packet = flags(0x10);
    put32(packet.last(LayerKind::tcp).bytes, 8, number);
    return packet;
}

Packet Packet::window(std::uint16_t size) const {
    Packet packet = *this;
    put16(packet.last(LayerKind::tcp).bytes, 14, 16, size);
    return packet;
}

Packet Packet::tcp_options(std::size_t words) const {
    Packet packet = *this;
    Bytes& header = packet.last(LayerKind::tcp).bytes;
    header.resize(header.size() + 4 * words, option_nop);
    header[12] = static_cast<std::uint8_t>(header.size() / 4 << 4);
    return packet;
}

Packet Packet::udp(std::uint16_t source, std::uint16_t destination) const {
    Bytes bytes(8);
    put16(bytes, 0, 2, source);
    put16(bytes, 2, 4, destination);
    return with(LayerKind::udp, std::move(bytes));
}

Packet Packet::partial_checksum() const {
    Packet packet = *this;
    packet.layers_.back().partial_checksum = true;
    return packet;
}

Packet Packet::icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest) const {
    Bytes bytes{type, code, 0, 0, 0, 0, 0, 0};
    put32(bytes, 4, rest);
    return with(LayerKind::icmp, std::move(bytes));
}

Packet Packet::icmpv6(std::uint8_t type, std::uint8_t code, std::uint32_t rest) const {
    Bytes bytes{type, code, 0, 0, 0, 0, 0, 0};
    put32(bytes, 4, rest);
    return with(LayerKind::icmpv6, std::move(bytes));
}

Packet Packet::quoting(const Packet& packet, std::size_t size) const {
    const auto is_ip = [](const Layer& layer) {
        return layer.kind == LayerKind::ipv4 || layer.kind == LayerKind::ipv6;
    };
    const auto ip = std::find_if(packet.layers_.begin(), packet.layers_.end(), is_ip);
    if (ip == packet.layers_.end()) throw std::logic_error("only an IP packet can be quoted");
    const std::size_t offset = packet.offset_of_index(static_cast<std::size_t>(ip - packet.layers_.begin()));
    const Bytes frame = packet.bytes();
    const std::size_t end = offset + std::min(size, frame.size() - offset);
    return payload(
        Bytes(frame.begin() + static_cast<std::ptrdiff_t>(offset), frame.begin() + static_cast<std::ptrdiff_t>(end)));
}

Packet Packet::payload(std::size_t size) const {
    Bytes bytes(size);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    return payload(std::move(bytes));
}

Packet Packet::payload(Bytes bytes) const {
    return with(LayerKind::payload, std::move(bytes));
}

Packet Packet::set8(std::size_t offset, std::uint8_t value) const {
    Packet packet = *this;
    packet.layers_.back().overrides.push_back({offset, {value}});
    return packet;
}

Packet Packet::set16(std::size_t offset, std::uint16_t value) const {
    return set8(offset, static_cast<std::uint8_t>(value >> 8)).set8(offset + 1, static_cast<std::uint8_t>(value));
}

Packet Packet::shorten(LayerKind kind, std::size_t size) const {
    const std::size_t index = index_of(kind);
    Packet packet = *this;
    if (size >= packet.layers_[index].bytes.size()) throw std::logic_error("that does not shorten the layer");
    packet.layers_.resize(index + 1);
    packet.layers_[index].bytes.resize(size);
    return packet;
}

Packet Packet::resized(std::size_t size) const {
    Packet packet = *this;
    packet.frame_size_ = size;
    return packet;
}

Packet Packet::cut(LayerKind kind, std::size_t size) const {
    return resized(offset_of(kind) + size);
}

Packet Packet::pad_to(std::size_t size) const {
    return resized(std::max(size, bytes().size()));
}

std::size_t Packet::index_of(LayerKind kind) const {
    for (std::size_t i = layers_.size(); i-- > 0;)
        if (layers_[i].kind == kind) return i;
    throw std::logic_error("no such layer");
}

std::size_t Packet::offset_of_index(std::size_t index) const {
    std::size_t offset = 0;
    for (std::size_t i = 0; i < index; i++)
        offset += layers_[i].bytes.size();
    return offset;
}

std::size_t Packet::offset_of(LayerKind kind) const {
    return offset_of_index(index_of(kind));
}

std::string hex(const Bytes& bytes) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i++) {
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
        text += i % 16 == 15 ? '\n' : ' ';
    }
    return text;
}

}  // namespace xdemux::test
