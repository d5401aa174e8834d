// SPDX-License-Identifier: BSD-2-Clause
// Keyed orders of 0 to n - 1: each number stands in one place, and without the key nobody can tell which. Both ways
// cost the same; nothing is stored.
#pragma once

#include <cstdint>

#include <xdemux/policy/siphash.h>

namespace xdemux {

/// An alternating Feistel network of six rounds over a rectangle a * b >= n, its round functions SipHash under a key of
/// their own; what falls outside of n is sent through again, which comes back inside (cycle walking; Black and Rogaway,
/// "Ciphers with arbitrary finite domains", 2002).
class PortPermutation {
  public:
    /// `size` is 1 to 65536.
    explicit PortPermutation(std::uint32_t size);

    [[nodiscard]] std::uint32_t size() const { return size_; }
    /// What stands in that place; both are 0 to size() - 1.
    [[nodiscard]] std::uint32_t at(const SipKey& key, std::uint32_t place) const;
    /// Where that number stands: the inverse of at().
    [[nodiscard]] std::uint32_t place_of(const SipKey& key, std::uint32_t number) const;

  private:
    [[nodiscard]] std::uint32_t forth(const SipKey& key, std::uint32_t x) const;
    [[nodiscard]] std::uint32_t back(const SipKey& key, std::uint32_t x) const;

    std::uint32_t size_;
    std::uint32_t rows_;     ///< a
    std::uint32_t columns_;  ///< b
};

}  // namespace xdemux
