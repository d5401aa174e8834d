// SPDX-License-Identifier: BSD-2-Clause
// IP addresses and prefixes as values: parse, print, compare. No sockaddr, no ports and no look-up of names.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>

namespace xdemux {

enum class Family : std::uint8_t { ipv4, ipv6 };

/// "IPv4" or "IPv6", as people write it.
std::string_view family_name(Family family);
/// Bits of an address: 32 or 128.
constexpr std::uint8_t address_bits(Family family) {
    return family == Family::ipv4 ? 32 : 128;
}

/// One address. Ordered by family, then by value.
class Address {
  public:
    using Bytes = std::array<std::uint8_t, 16>;

    /// 0.0.0.0
    constexpr Address() = default;
    static constexpr Address ipv4(const std::array<std::uint8_t, 4>& bytes) {
        return {Family::ipv4, {bytes[0], bytes[1], bytes[2], bytes[3]}};
    }
    static constexpr Address ipv6(const Bytes& bytes) { return {Family::ipv6, bytes}; }
    /// 0.0.0.0 or ::
    static constexpr Address any(Family family) { return {family, {}}; }

    /// Plain text, without brackets, port or length. ErrorKind::usage; an IPv4-mapped IPv6 address is refused, with
    /// the IPv4 form as the way out, since the kernel delivers such packets as IPv4.
    static Result<Address> parse(std::string_view text);

    [[nodiscard]] constexpr Family family() const { return family_; }
    /// Network order; IPv4 in the first four, the others zero.
    [[nodiscard]] constexpr const Bytes& bytes() const { return bytes_; }

    /// 0.0.0.0 or ::
    [[nodiscard]] bool is_wildcard() const;
    /// 224.0.0.0/4 or ff00::/8
    [[nodiscard]] bool is_multicast() const;
    /// 255.255.255.255; a subnet's own broadcast address is not to be known from here.
    [[nodiscard]] bool is_broadcast() const;
    /// 127.0.0.0/8 or ::1
    [[nodiscard]] bool is_loopback() const;

    /// The canonical form (IPv6: RFC 5952), without brackets.
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const Address&, const Address&) = default;

  private:
    constexpr Address(Family family, const Bytes& bytes) : family_(family), bytes_(bytes) {}

    Family family_ = Family::ipv4;
    Bytes bytes_{};
};

/// An address and the number of its leading bits that count. Invariant of a parsed one: the other bits are zero.
struct Prefix {
    Address address;
    std::uint8_t length = 0;  ///< bits, 0 to address_bits(family)

    /// "ADDR/LEN". ErrorKind::usage; host bits are refused, and the message names the prefix that was meant.
    static Result<Prefix> parse(std::string_view text);
    /// The first `length` bits of an address.
    static Prefix of(const Address& address, std::uint8_t length);

    [[nodiscard]] bool contains(const Address& other) const;
    /// Whether each address of `other` is one of this prefix too.
    [[nodiscard]] bool contains(const Prefix& other) const;
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
};

}  // namespace xdemux
