// SPDX-License-Identifier: BSD-2-Clause
// SipHash (Aumasson and Bernstein, 2012), 2-4 unless said otherwise, a keyed hash whose values cannot be told without
// the key, and what is drawn from it. It keeps no secrets: where a key comes from is the part of others.
#pragma once

#include <cstdint>
#include <span>

namespace xdemux {

struct SipKey {
    std::uint64_t low = 0;   ///< the key's first 8 bytes, little-endian
    std::uint64_t high = 0;  ///< its last 8

    friend constexpr bool operator==(const SipKey&, const SipKey&) = default;
};

std::uint64_t siphash(const SipKey& key, std::span<const std::uint8_t> bytes);
/// As of the 8 bytes of the word, little-endian.
std::uint64_t siphash(const SipKey& key, std::uint64_t word);

/// SipHash-1-3 of the word alone: half the work of siphash(). Its values stay apart from those of other lengths only
/// because there are none: for keyed functions of one word.
std::uint64_t siphash_word(const SipKey& key, std::uint64_t word);

/// A key that depends on `key` and the word, and tells nothing of either.
SipKey derive_key(const SipKey& key, std::uint64_t word);

/// 0 to `below` - 1 from a hash: uniform but for below / 2^32.
constexpr std::uint32_t scale(std::uint64_t hash, std::uint32_t below) {
    return static_cast<std::uint32_t>(((hash >> 32U) * below) >> 32U);
}

/// A stream of random numbers: the hashes of a counter. Whoever has not the key cannot tell the next from those before.
class KeyedRandom {
  public:
    explicit KeyedRandom(const SipKey& key) : key_(key) {}

    std::uint64_t next() { return siphash(key_, counter_++); }
    /// 0 to `count` - 1, each alike; `count` is 1 to 2^32 - 1.
    std::uint32_t below(std::uint32_t count);
    /// 0 <= x < 1, in steps of 2^-53.
    double fraction();

  private:
    SipKey key_;
    std::uint64_t counter_ = 0;
};

}  // namespace xdemux
