// SPDX-License-Identifier: BSD-2-Clause
// Packets composed as layers: lengths, next protocols and checksums are right unless overridden. Pure: it knows neither
// the program under test nor a socket, and shares no code with either.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xdemux::test {

using Bytes = std::vector<std::uint8_t>;

/// An IPv4 (first four bytes) or IPv6 address, network order.
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};
    bool ipv6 = false;

    [[nodiscard]] std::size_t size() const { return ipv6 ? 16 : 4; }
};

/// Throws std::invalid_argument unless `text` is an IPv4 or IPv6 address.
IpAddress ip_address(std::string_view text);

/// "02:00:00:00:00:01", six bytes. Throws std::invalid_argument.
Bytes mac_bytes(std::string_view text);

inline constexpr std::string_view host_mac = "02:00:00:00:00:01";
inline constexpr std::string_view peer_mac = "02:00:00:00:00:02";
inline constexpr std::string_view broadcast_mac = "ff:ff:ff:ff:ff:ff";

enum class LayerKind { ethernet, vlan, ipv4, ipv6, extension, tcp, udp, icmp, icmpv6, payload };

/// A value: every method answers a changed copy, so that a case can be another one plus a layer or a fault. Methods
/// without a layer's name act on the layer that was added last, and throw std::logic_error when it is of another kind.
class Packet {
  public:
    [[nodiscard]] Packet eth(std::string_view destination = host_mac, std::string_view source = peer_mac) const;
    /// Of the Ethernet header or tag added last, where no layer says it.
    [[nodiscard]] Packet ethertype(std::uint16_t value) const;
    [[nodiscard]] Packet vlan(std::uint16_t id, std::uint16_t tag_protocol = 0x8100) const;

    [[nodiscard]] Packet ipv4(std::string_view source, std::string_view destination) const;
    /// Adds IPv4 options: `words` 32-bit words of NOP.
    [[nodiscard]] Packet options(std::size_t words) const;
    [[nodiscard]] Packet dont_fragment() const;
    /// IPv4: id, offset in bytes (a multiple of eight), More Fragments.
    [[nodiscard]] Packet fragment(std::uint16_t id, std::uint16_t offset, bool more) const;
    /// Of IPv4, IPv6 or an extension header, where no layer says it.
    [[nodiscard]] Packet protocol(std::uint8_t number) const;

    [[nodiscard]] Packet ipv6(std::string_view source, std::string_view destination) const;
    /// Extension headers of 8 * (1 + `units`) bytes.
    [[nodiscard]] Packet hop_by_hop(std::uint8_t units = 0) const;
    [[nodiscard]] Packet destination_options(std::uint8_t units = 0) const;
    [[nodiscard]] Packet routing(std::uint8_t segments_left, std::uint8_t units = 0) const;
    [[nodiscard]] Packet fragment6(std::uint32_t id, std::uint16_t offset, bool more) const;
    /// RFC 4302, 4 * (2 + `units`) bytes.
    [[nodiscard]] Packet authentication(std::uint8_t units = 2) const;

    [[nodiscard]] Packet tcp(std::uint16_t source, std::uint16_t destination) const;
    [[nodiscard]] Packet flags(std::uint8_t bits) const;
    [[nodiscard]] Packet fin() const;
    [[nodiscard]] Packet syn() const;
    [[nodiscard]] Packet rst() const;
    [[nodiscard]] Packet seq(std::uint32_t number) const;
    /// Sets the ACK flag with the number.
    [[nodiscard]] Packet ack(std::uint32_t number) const;
    [[nodiscard]] Packet window(std::uint16_t size) const;
    /// Adds TCP options: `words` 32-bit words of NOP.
    [[nodiscard]] Packet tcp_options(std::size_t words) const;

    [[nodiscard]] Packet udp(std::uint16_t source, std::uint16_t destination) const;
    /// Of TCP or UDP: the field has the sum of the pseudo header alone, as where the sender leaves the rest to its
    /// device.
    [[nodiscard]] Packet partial_checksum() const;
    [[nodiscard]] Packet icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest = 0) const;
    [[nodiscard]] Packet icmpv6(std::uint8_t type, std::uint8_t code, std::uint32_t rest = 0) const;
    /// Adds the IP packet inside `packet`, at most `size` bytes of it, as an ICMP error does.
    [[nodiscard]] Packet quoting(const Packet& packet, std::size_t size = SIZE_MAX) const;
    /// `size` bytes 0, 1, 2 ...
    [[nodiscard]] Packet payload(std::size_t size) const;
    [[nodiscard]] Packet payload(Bytes bytes) const;

    // Faults. Overrides are written last, over lengths and checksums, at an offset of the layer added last.
    [[nodiscard]] Packet set8(std::size_t offset, std::uint8_t value) const;
    [[nodiscard]] Packet set16(std::size_t offset, std::uint16_t value) const;
    /// The layer (the last one of its kind) keeps `size` bytes and nothing follows; IP lengths say so.
    [[nodiscard]] Packet shorten(LayerKind kind, std::size_t size) const;
    /// The frame ends `size` bytes into the layer; lengths still tell of the rest.
    [[nodiscard]] Packet cut(LayerKind kind, std::size_t size) const;
    /// The frame is zero padded to `size` bytes, behind what the IP length tells.
    [[nodiscard]] Packet pad_to(std::size_t size) const;

    [[nodiscard]] std::size_t offset_of(LayerKind kind) const;
    [[nodiscard]] Bytes bytes() const;

  private:
    struct Override {
        std::size_t offset = 0;
        Bytes value;
    };
    struct Layer {
        LayerKind kind = LayerKind::payload;
        Bytes bytes;
        std::uint16_t type = 0;  // vlan: its tag protocol; extension: its own number
        std::optional<std::uint16_t> next;
        std::vector<Override> overrides;
        bool partial_checksum = false;
    };

    [[nodiscard]] Packet with(LayerKind kind, Bytes bytes, std::uint16_t type = 0) const;
    [[nodiscard]] Layer& last(LayerKind kind);
    [[nodiscard]] std::size_t index_of(LayerKind kind) const;
    [[nodiscard]] std::size_t offset_of_index(std::size_t index) const;
    [[nodiscard]] std::optional<std::uint16_t> next_ethertype(std::size_t index) const;
    [[nodiscard]] std::optional<std::uint16_t> next_protocol(std::size_t index) const;
    [[nodiscard]] std::uint32_t pseudo_header_sum(std::size_t index, std::uint8_t protocol, std::size_t size) const;
    void write_next(std::size_t index, Bytes& frame) const;
    void write_length(std::size_t index, Bytes& frame) const;
    void write_checksum(std::size_t index, Bytes& frame) const;
    [[nodiscard]] std::uint16_t transport_checksum(std::size_t index, std::uint8_t protocol, const Bytes& frame) const;
    [[nodiscard]] Packet resized(std::size_t size) const;

    std::vector<Layer> layers_;
    std::optional<std::size_t> frame_size_;
};

inline Packet eth(std::string_view destination = host_mac, std::string_view source = peer_mac) {
    return Packet().eth(destination, source);
}

/// Hexadecimal, 16 bytes a line, for failures.
std::string hex(const Bytes& bytes);

}  // namespace xdemux::test
