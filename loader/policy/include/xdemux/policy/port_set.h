// SPDX-License-Identifier: BSD-2-Clause
// A set of port numbers, and its text as the kernel's list of reserved ports has it. No protocol and no addresses.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>

namespace xdemux {

class PortSet {
  public:
    PortSet() = default;
    static PortSet of(std::span<const PortRange> ranges);
    /// "8080,9000-9010", in any order, overlapping or not; empty is the empty set. Ports are numbers. ErrorKind::usage.
    static Result<PortSet> parse(std::string_view text);

    /// All ports (`*`) are 1 to 65535.
    void add(const PortRange& ports);
    void add(const PortSet& other) { ports_ |= other.ports_; }
    void remove(const PortRange& ports);
    void remove(const PortSet& other) { ports_ &= ~other.ports_; }

    [[nodiscard]] bool contains(std::uint16_t port) const { return ports_[port]; }
    [[nodiscard]] bool overlaps(const PortSet& other) const { return (ports_ & other.ports_).any(); }
    [[nodiscard]] bool empty() const { return ports_.none(); }
    [[nodiscard]] std::size_t size() const { return ports_.count(); }
    /// How many of them are in a range.
    [[nodiscard]] std::size_t count(const PortRange& ports) const;
    [[nodiscard]] PortSet within(const PortRange& ports) const;
    /// The fewest that hold just these, ascending.
    [[nodiscard]] std::vector<PortRange> ranges() const;
    /// Each of them, ascending.
    [[nodiscard]] std::vector<std::uint16_t> list() const;
    /// As parse() takes it.
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const PortSet&, const PortSet&) = default;

  private:
    static constexpr std::size_t numbers = 65'536;
    std::bitset<numbers> ports_;
};

}  // namespace xdemux
