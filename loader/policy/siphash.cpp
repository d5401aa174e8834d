// SPDX-License-Identifier: BSD-2-Clause
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstring>

#include <xdemux/policy/siphash.h>

namespace xdemux {
namespace {

class SipState {
  public:
    explicit SipState(const SipKey& key)
        : a_(key.low ^ 0x736f6d6570736575U),
          b_(key.high ^ 0x646f72616e646f6dU),
          c_(key.low ^ 0x6c7967656e657261U),
          d_(key.high ^ 0x7465646279746573U) {}

    void absorb(std::uint64_t word, int rounds = 2) {
        d_ ^= word;
        for (int i = 0; i < rounds; ++i)
            round();
        a_ ^= word;
    }
    std::uint64_t finish(int rounds = 4) {
        c_ ^= 0xffU;
        for (int i = 0; i < rounds; ++i)
            round();
        return a_ ^ b_ ^ c_ ^ d_;
    }

  private:
    void round() {
        a_ += b_;
        b_ = std::rotl(b_, 13) ^ a_;
        a_ = std::rotl(a_, 32);
        c_ += d_;
        d_ = std::rotl(d_, 16) ^ c_;
        a_ += d_;
        d_ = std::rotl(d_, 21) ^ a_;
        c_ += b_;
        b_ = std::rotl(b_, 17) ^ c_;
        c_ = std::rotl(c_, 32);
    }

    std::uint64_t a_, b_, c_, d_;
};

constexpr std::size_t word_size = 8;

/// Of 8 bytes.
std::uint64_t whole_word(std::span<const std::uint8_t> bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), word_size);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    return word;
}

/// Of fewer than 8 bytes, little-endian as the others.
std::uint64_t last_word(std::span<const std::uint8_t> bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        word |= std::uint64_t{bytes[i]} << (8U * i);
    return word;
}

/// The last word holds the rest of the bytes below, and the length of all, modulo 256, in its highest byte.
std::uint64_t length_mark(std::size_t length) {
    return static_cast<std::uint64_t>(length) << 56U;
}

}  // namespace

std::uint64_t siphash(const SipKey& key, std::span<const std::uint8_t> bytes) {
    SipState state(key);
    const std::size_t length = bytes.size();
    for (; bytes.size() >= word_size; bytes = bytes.subspan(word_size))
        state.absorb(whole_word(bytes));
    state.absorb(last_word(bytes) | length_mark(length));
    return state.finish();
}

std::uint64_t siphash(const SipKey& key, std::uint64_t word) {
    SipState state(key);
    state.absorb(word);
    state.absorb(length_mark(word_size));
    return state.finish();
}

std::uint64_t siphash_word(const SipKey& key, std::uint64_t word) {
    SipState state(key);
    state.absorb(word, 1);
    return state.finish(3);
}

SipKey derive_key(const SipKey& key, std::uint64_t word) {
    SipState low(key);
    low.absorb(word);
    low.absorb(1);
    low.absorb(length_mark(2 * word_size));
    SipState high(key);
    high.absorb(word);
    high.absorb(2);
    high.absorb(length_mark(2 * word_size));
    return {low.finish(), high.finish()};
}

std::uint32_t KeyedRandom::below(std::uint32_t count) {
    assert(count != 0);
    // Lemire's method: of the 2^32 values those are thrown away that would make some results likelier than others.
    const std::uint32_t surplus = (0U - count) % count;
    std::uint64_t product = 0;
    do {
        product = (next() >> 32U) * count;
    } while (static_cast<std::uint32_t>(product) < surplus);
    return static_cast<std::uint32_t>(product >> 32U);
}

double KeyedRandom::fraction() {
    return static_cast<double>(next() >> 11U) * 0x1p-53;
}

}  // namespace xdemux
