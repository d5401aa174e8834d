// SPDX-License-Identifier: BSD-2-Clause
#include <bit>
#include <cassert>

#include <xdemux/policy/port_bitmap.h>

namespace xdemux {
namespace {

constexpr std::uint32_t per_word = 64;
constexpr std::uint64_t full = ~std::uint64_t{0};

std::uint64_t bit(std::uint32_t index) {
    return std::uint64_t{1} << (index % per_word);
}

/// The bits from `count` on; none where the word is used to its end.
std::uint64_t past(std::uint32_t count) {
    return count % per_word == 0 ? 0 : full << (count % per_word);
}

std::uint32_t words_for(std::uint32_t bits) {
    return (bits + per_word - 1) / per_word;
}

/// The first clear bit at `from` or later in one word.
std::optional<std::uint32_t> clear_bit(std::uint64_t word, std::uint32_t from) {
    if (from >= per_word) return std::nullopt;
    const std::uint64_t clear = ~word & (full << from);
    if (clear == 0) return std::nullopt;
    return static_cast<std::uint32_t>(std::countr_zero(clear));
}

}  // namespace

PortBitmap::PortBitmap(std::uint32_t size)
    : size_(size), words_(words_for(size), 0), summary_(words_for(words_for(size)), 0) {
    assert(size >= 1 && size <= per_word * per_word * 16);
    words_.back() = past(size);
    summary_.back() = past(static_cast<std::uint32_t>(words_.size()));
    top_ = past(static_cast<std::uint32_t>(summary_.size()));
}

bool PortBitmap::take(std::uint32_t place) {
    assert(place < size_);
    const std::uint32_t word = place / per_word;
    if ((words_[word] & bit(place)) != 0) return false;
    ++taken_;
    words_[word] |= bit(place);
    if (words_[word] != full) return true;
    summary_[word / per_word] |= bit(word);
    if (summary_[word / per_word] == full) top_ |= bit(word / per_word);
    return true;
}

bool PortBitmap::free(std::uint32_t place) {
    assert(place < size_);
    const std::uint32_t word = place / per_word;
    if ((words_[word] & bit(place)) == 0) return false;
    --taken_;
    words_[word] &= ~bit(place);
    summary_[word / per_word] &= ~bit(word);
    top_ &= ~bit(word / per_word);
    return true;
}

std::optional<std::uint32_t> PortBitmap::first_free_from(std::uint32_t from) const {
    const std::uint32_t word = from / per_word;
    if (const auto found = clear_bit(words_[word], from % per_word)) return word * per_word + *found;
    const std::uint32_t group = word / per_word;
    auto open = clear_bit(summary_[group], word % per_word + 1);
    if (open) {
        *open += group * per_word;
    } else {
        const auto next_group = clear_bit(top_, group + 1);
        if (!next_group) return std::nullopt;
        open = *next_group * per_word + *clear_bit(summary_[*next_group], 0);
    }
    return *open * per_word + *clear_bit(words_[*open], 0);
}

std::optional<std::uint32_t> PortBitmap::next_free(std::uint32_t from) const {
    assert(from < size_);
    if (taken_ == size_) return std::nullopt;
    const auto found = first_free_from(from);
    return found ? found : first_free_from(0);
}

}  // namespace xdemux
