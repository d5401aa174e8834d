// SPDX-License-Identifier: BSD-2-Clause
#include "echo.h"

#include <algorithm>
#include <cstddef>

namespace {

using Bytes = std::span<std::uint8_t>;

constexpr std::size_t ethernet_size = 14;
constexpr std::size_t ipv6_size = 40;
constexpr std::size_t udp_size = 8;
constexpr std::uint8_t udp = 17;        // IANA protocol number
constexpr std::uint8_t hop_limit = 64;  // what Linux sends with

std::uint32_t word(Bytes bytes, std::size_t at) {
    return static_cast<std::uint32_t>(bytes[at] << 8 | bytes[at + 1]);
}

void set_word(Bytes bytes, std::size_t at, std::uint32_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8U);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}

void swap(Bytes bytes, std::size_t first, std::size_t second, std::size_t size) {
    std::swap_ranges(&bytes[first], &bytes[first] + size, &bytes[second]);
}

/// RFC 1071's sum, of 16 bits; bytes that carry their right checksum sum up to 0xffff.
std::uint32_t add(std::uint32_t sum, Bytes bytes) {
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
        sum += word(bytes, i);
    if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(bytes.back() << 8);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16U);
    return sum;
}

/// The addresses of an IP header, and where they are in it.
struct Addresses {
    std::size_t at;
    std::size_t size;  ///< bytes of one
};

/// Whether the datagram in `udp_bytes` may be answered; the checksum covers the addresses too (RFC 768, RFC 8200, 8.1).
bool is_sound(Bytes udp_bytes, Bytes addresses, bool may_lack_checksum) {
    if (udp_bytes.size() < udp_size || word(udp_bytes, 4) != udp_bytes.size()) return false;
    if (word(udp_bytes, 0) == word(udp_bytes, 2)) return false;
    if (word(udp_bytes, 6) == 0) return may_lack_checksum;
    const auto length = static_cast<std::uint32_t>(udp_bytes.size());
    return add(add(udp + length, addresses), udp_bytes) == 0xffff;
}

/// Addresses and ports change places, which leaves every sum as it is.
void turn(Bytes frame, Bytes ip, const Addresses& addresses, Bytes udp_bytes) {
    swap(frame, 0, 6, 6);
    swap(ip, addresses.at, addresses.at + addresses.size, addresses.size);
    swap(udp_bytes, 0, 2, 2);
}

bool turn_ipv4(Bytes& frame) {
    constexpr Addresses addresses{12, 4};
    Bytes ip = frame.subspan(ethernet_size);
    if (ip.size() < 20) return false;
    const std::size_t header = (ip[0] & 0x0fU) * 4;
    const std::size_t length = word(ip, 2);
    const bool fragment = (word(ip, 6) & 0x3fff) != 0;
    if (ip[0] >> 4U != 4 || header < 20 || length < header + udp_size || length > ip.size() || fragment || ip[9] != udp)
        return false;
    ip = ip.first(length);
    const Bytes udp_bytes = ip.subspan(header);
    if (add(0, ip.first(header)) != 0xffff || !is_sound(udp_bytes, ip.subspan(addresses.at, 2 * addresses.size), true))
        return false;
    turn(frame, ip, addresses, udp_bytes);
    ip[8] = hop_limit;
    set_word(ip, 10, 0);
    set_word(ip, 10, ~add(0, ip.first(header)) & 0xffff);
    frame = frame.first(ethernet_size + length);
    return true;
}

bool turn_ipv6(Bytes& frame) {
    constexpr Addresses addresses{8, 16};
    Bytes ip = frame.subspan(ethernet_size);
    if (ip.size() < ipv6_size + udp_size) return false;
    const std::size_t length = ipv6_size + word(ip, 4);
    if (ip[0] >> 4U != 6 || ip[6] != udp || length > ip.size()) return false;
    ip = ip.first(length);
    const Bytes udp_bytes = ip.subspan(ipv6_size);
    if (!is_sound(udp_bytes, ip.subspan(addresses.at, 2 * addresses.size), false)) return false;
    turn(frame, ip, addresses, udp_bytes);
    ip[7] = hop_limit;
    frame = frame.first(ethernet_size + length);
    return true;
}

}  // namespace

bool turn_round(Bytes& frame) {
    constexpr std::uint32_t ipv4 = 0x0800;
    constexpr std::uint32_t ipv6 = 0x86dd;
    if (frame.size() < ethernet_size) return false;
    const std::uint32_t type = word(frame, 12);
    if (type == ipv4) return turn_ipv4(frame);
    return type == ipv6 && turn_ipv6(frame);
}
