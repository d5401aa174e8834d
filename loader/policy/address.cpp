// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <fmt/format.h>

#include <xdemux/base/number.h>
#include <xdemux/policy/address.h>

namespace xdemux {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int posix_family(Family family) {
    return family == Family::ipv4 ? AF_INET : AF_INET6;
}

std::optional<Address::Bytes> read_bytes(Family family, std::string_view text) {
    // inet_pton wants a terminated string; whatever is longer than the longest address is none.
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
    std::copy(text.begin(), text.end(), buffer.begin());
    Address::Bytes bytes{};
    if (inet_pton(posix_family(family), buffer.data(), bytes.data()) != 1) return std::nullopt;
    return bytes;
}

Address::Bytes masked(const Address::Bytes& bytes, std::uint8_t length) {
    Address::Bytes result{};
    const std::size_t whole = length / 8;
    std::copy_n(bytes.begin(), whole, result.begin());
    const unsigned rest = length % 8U;
    if (rest != 0) result[whole] = static_cast<std::uint8_t>(bytes[whole] & (0xff00U >> rest));
    return result;
}

Address make(Family family, const Address::Bytes& bytes) {
    return family == Family::ipv4 ? Address::ipv4({bytes[0], bytes[1], bytes[2], bytes[3]}) : Address::ipv6(bytes);
}

Result<std::uint8_t> parse_length(std::string_view text, std::string_view prefix, Family family) {
    const auto length = whole_number<std::uint8_t>(text);
    const unsigned bits = address_bits(family);
    if (!length || *length > bits) {
        return fail(ErrorKind::usage,
                    fmt::format("prefix \"{}\": length \"{}\" is no number from 0 to {}", prefix, text, bits));
    }
    return *length;
}

}  // namespace

std::string_view family_name(Family family) {
    return family == Family::ipv4 ? "IPv4" : "IPv6";
}

Result<Address> Address::parse(std::string_view text) {
    const Family family = text.find(':') == std::string_view::npos ? Family::ipv4 : Family::ipv6;
    if (text.find('%') != std::string_view::npos) {
        return fail(ErrorKind::usage, fmt::format("\"{}\" has a zone; name the interface with --dev instead", text));
    }
    const auto bytes = read_bytes(family, text);
    if (!bytes) return fail(ErrorKind::usage, fmt::format("\"{}\" is not an IPv4 or IPv6 address", text));
    if (family == Family::ipv6 && std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes->begin())) {
        const auto& b = *bytes;
        return fail(ErrorKind::usage, fmt::format("\"{}\" is an IPv4-mapped address, and its packets are IPv4; use {}",
                                                  text, ipv4({b[12], b[13], b[14], b[15]}).to_string()));
    }
    return make(family, *bytes);
}

bool Address::is_wildcard() const {
    return bytes_ == Bytes{};
}

bool Address::is_multicast() const {
    return family_ == Family::ipv4 ? (bytes_[0] & 0xf0U) == 0xe0U : bytes_[0] == 0xff;
}

bool Address::is_broadcast() const {
    return family_ == Family::ipv4 && std::all_of(bytes_.begin(), bytes_.begin() + 4, [](auto b) { return b == 0xff; });
}

bool Address::is_loopback() const {
    if (family_ == Family::ipv4) return bytes_[0] == 127;
    return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; });
}

std::string Address::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    [[maybe_unused]] const char* done = inet_ntop(posix_family(family_), bytes_.data(), text.data(), text.size());
    assert(done != nullptr);
    return text.data();
}

Result<Prefix> Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) {
        return fail(ErrorKind::usage, fmt::format("prefix \"{}\" has no length; use ADDR/LEN", text));
    }
    const auto address = Address::parse(text.substr(0, slash));
    if (!address) return fail(address.error().in(fmt::format("prefix \"{}\"", text)));
    const auto length = parse_length(text.substr(slash + 1), text, address->family());
    if (!length) return fail(length.error());
    const Prefix prefix = of(*address, *length);
    if (prefix.address != *address) {
        return fail(ErrorKind::usage, fmt::format("prefix \"{}\" has host bits set; use {}", text, prefix.to_string()));
    }
    return prefix;
}

Prefix Prefix::of(const Address& address, std::uint8_t length) {
    assert(length <= address_bits(address.family()));
    return {make(address.family(), masked(address.bytes(), length)), length};
}

bool Prefix::contains(const Address& other) const {
    return other.family() == address.family() && masked(other.bytes(), length) == address.bytes();
}

bool Prefix::contains(const Prefix& other) const {
    return other.length >= length && contains(other.address);
}

std::string Prefix::to_string() const {
    return fmt::format("{}/{}", address.to_string(), length);
}

}  // namespace xdemux
