// SPDX-License-Identifier: BSD-2-Clause
#include <cassert>

#include <xdemux/policy/port_permutation.h>

namespace xdemux {
namespace {

constexpr std::uint32_t rounds = 6;

/// The least whose square is no less.
std::uint32_t root(std::uint32_t size) {
    std::uint32_t rows = 1;
    while (rows * rows < size)
        ++rows;
    return rows;
}

/// What a round adds to one half: it depends on the other.
std::uint32_t mask(const SipKey& key, std::uint32_t round, std::uint32_t half, std::uint32_t below) {
    return scale(siphash_word(key, std::uint64_t{round} << 32U | half), below);
}

}  // namespace

PortPermutation::PortPermutation(std::uint32_t size)
    : size_(size), rows_(root(size)), columns_((size + rows_ - 1) / rows_) {
    assert(size >= 1 && size <= 65'536);
}

std::uint32_t PortPermutation::forth(const SipKey& key, std::uint32_t x) const {
    std::uint32_t row = x / columns_;
    std::uint32_t column = x % columns_;
    for (std::uint32_t round = 0; round < rounds; round += 2) {
        row = (row + mask(key, round, column, rows_)) % rows_;
        column = (column + mask(key, round + 1, row, columns_)) % columns_;
    }
    return row * columns_ + column;
}

std::uint32_t PortPermutation::back(const SipKey& key, std::uint32_t x) const {
    std::uint32_t row = x / columns_;
    std::uint32_t column = x % columns_;
    for (std::uint32_t round = rounds; round > 0; round -= 2) {
        column = (column + columns_ - mask(key, round - 1, row, columns_)) % columns_;
        row = (row + rows_ - mask(key, round - 2, column, rows_)) % rows_;
    }
    return row * columns_ + column;
}

std::uint32_t PortPermutation::at(const SipKey& key, std::uint32_t place) const {
    assert(place < size_);
    do
        place = forth(key, place);
    while (place >= size_);
    return place;
}

std::uint32_t PortPermutation::place_of(const SipKey& key, std::uint32_t number) const {
    assert(number < size_);
    do
        number = back(key, number);
    while (number >= size_);
    return number;
}

}  // namespace xdemux
