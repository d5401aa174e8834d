// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <xdemux/policy/port_permutation.h>
#include <xdemux/policy/siphash.h>

namespace xdemux::test::policy_siphash {
namespace {

constexpr SipKey published_key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};

// The authors' vectors for SipHash-2-4: the key is 00 01 .. 0f, the input of vector n is 00 01 .. n-1.
TEST(SipHash, GivesThePublishedValues) {
    std::array<std::uint8_t, 64> bytes{};
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    const auto of = [&](std::size_t length) { return siphash(published_key, std::span(bytes).first(length)); };
    EXPECT_EQ(of(0), 0x726fdb47dd0e0e31U);
    EXPECT_EQ(of(1), 0x74f839c593dc67fdU);
    EXPECT_EQ(of(7), 0xab0200f58b01d137U);
    EXPECT_EQ(of(8), 0x93f5f5799a932462U);
    EXPECT_EQ(of(15), 0xa129ca6149be45e5U);
    EXPECT_EQ(of(16), 0x3f2acc7f57c29bdbU);
    EXPECT_EQ(of(63), 0x958a324ceb064572U);
}

TEST(SipHash, OfAWordIsThatOfItsBytes) {
    EXPECT_EQ(siphash(published_key, 0x0706050403020100U), 0x93f5f5799a932462U);
}

TEST(SipHash, DerivedKeysDifferByWordAndKey) {
    const SipKey one = derive_key(published_key, 1);
    EXPECT_EQ(one, derive_key(published_key, 1));
    EXPECT_NE(one, derive_key(published_key, 2));
    EXPECT_NE(one, derive_key({1, 2}, 1));
    EXPECT_NE(one.low, one.high);
}

TEST(KeyedRandom, StaysBelowAndMeetsEachNumberAlike) {
    KeyedRandom random(published_key);
    constexpr std::uint32_t kinds = 7;
    constexpr int draws = 70'000;
    std::array<double, kinds> counts{};
    for (int i = 0; i < draws; ++i) {
        const std::uint32_t value = random.below(kinds);
        ASSERT_LT(value, kinds);
        ++counts[value];
    }
    // Chi-square with 6 degrees of freedom is above 22.5 once in a thousand.
    double chi_square = 0;
    for (const double count : counts)
        chi_square += (count - draws / 7.0) * (count - draws / 7.0) / (draws / 7.0);
    EXPECT_LT(chi_square, 22.5);
    EXPECT_EQ(KeyedRandom(published_key).below(1), 0U);
    for (int i = 0; i < 1000; ++i) {
        const double fraction = random.fraction();
        EXPECT_GE(fraction, 0);
        EXPECT_LT(fraction, 1);
    }
}

class Permutation : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(Permutation, HasEachNumberInOnePlaceAndFindsItAgain) {
    const std::uint32_t size = GetParam();
    const PortPermutation order(size);
    std::vector<bool> met(size);
    for (std::uint32_t place = 0; place < size; ++place) {
        const std::uint32_t number = order.at(published_key, place);
        ASSERT_LT(number, size);
        ASSERT_FALSE(met[number]) << number << " stands twice";
        met[number] = true;
        ASSERT_EQ(order.place_of(published_key, number), place);
    }
}

INSTANTIATE_TEST_SUITE_P(OfSizes, Permutation, ::testing::Values(1, 2, 3, 5, 64, 100, 16'384, 28'232, 65'535, 65'536));

TEST(PermutationOrder, DependsOnTheKey) {
    constexpr std::uint32_t size = 28'232;
    const PortPermutation order(size);
    const SipKey other = derive_key(published_key, 1);
    std::uint32_t alike = 0;
    for (std::uint32_t place = 0; place < size; ++place)
        alike += order.at(published_key, place) == order.at(other, place) ? 1 : 0;
    // Two orders drawn at random agree in one place on average, and in more than ten once in ten million times.
    EXPECT_LE(alike, 10U);
}

// The step from one number to the next must not be likelier short than long.
TEST(PermutationOrder, StepsAreSpreadEvenly) {
    constexpr std::uint32_t size = 28'232;
    constexpr std::size_t bins = 64;
    const PortPermutation order(size);
    std::array<double, bins> counts{};
    for (std::uint32_t place = 0; place + 1 < size; ++place)
        ++counts[std::size_t{(order.at(published_key, place + 1) + size - order.at(published_key, place)) % size} *
                 bins / size];
    double chi_square = 0;
    const double expected = (size - 1.0) / bins;
    for (const double count : counts)
        chi_square += (count - expected) * (count - expected) / expected;
    // 63 degrees of freedom: above 104 once in a thousand.
    EXPECT_LT(chi_square, 104);
}

}  // namespace
}  // namespace xdemux::test::policy_siphash
