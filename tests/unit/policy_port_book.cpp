// SPDX-License-Identifier: BSD-2-Clause
// What is taken, held to a plain set: the bitmap, and the book in each of its forms.
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include <xdemux/policy/port_bitmap.h>
#include <xdemux/policy/port_book.h>
#include <xdemux/policy/siphash.h>

namespace xdemux::test::policy_port_book {
namespace {

std::optional<std::uint32_t> next_free(const std::set<std::uint32_t>& taken, std::uint32_t from, std::uint32_t size) {
    for (std::uint32_t step = 0; step < size; ++step) {
        const std::uint32_t place = (from + step) % size;
        if (!taken.contains(place)) return place;
    }
    return std::nullopt;
}

class Bitmap : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(Bitmap, AgreesWithAPlainSetUntilItIsFullAndEmptyAgain) {
    const std::uint32_t size = GetParam();
    PortBitmap bitmap(size);
    std::set<std::uint32_t> taken;
    KeyedRandom random({size, 1});
    while (taken.size() < size) {
        const std::uint32_t from = random.below(size);
        const auto place = bitmap.next_free(from);
        if (taken.size() % 97 == 0) {
            ASSERT_EQ(place, next_free(taken, from, size));
        }
        ASSERT_TRUE(place);
        ASSERT_TRUE(taken.insert(*place).second);
        ASSERT_TRUE(bitmap.take(*place));
        ASSERT_FALSE(bitmap.take(*place));
    }
    EXPECT_EQ(bitmap.taken(), size);
    EXPECT_EQ(bitmap.next_free(size / 2), std::nullopt);
    // The one free place is found from everywhere.
    for (const std::uint32_t place : {0U, size / 3, size - 1}) {
        ASSERT_TRUE(bitmap.free(place));
        ASSERT_FALSE(bitmap.free(place));
        for (const std::uint32_t from : {0U, place, size / 2, size - 1})
            ASSERT_EQ(bitmap.next_free(from), place);
        ASSERT_TRUE(bitmap.take(place));
    }
    for (std::uint32_t place = 0; place < size; ++place)
        ASSERT_TRUE(bitmap.free(place));
    EXPECT_EQ(bitmap.taken(), 0U);
    EXPECT_EQ(bitmap.next_free(size - 1), size - 1);
}

INSTANTIATE_TEST_SUITE_P(OfSizes, Bitmap, ::testing::Values(1, 63, 64, 65, 4096, 4097, 28'232, 65'536));

TEST(Book, AgreesWithAPlainSetInEachOfItsForms) {
    constexpr std::uint32_t size = 2000;
    PortBook book;
    std::set<std::uint32_t> taken;
    KeyedRandom random({7, 7});
    // Up and down past the limits of its forms, with a place freed for every two or half taken.
    for (const std::size_t target : {3U, 100U, 2U, 1500U, 0U, 600U, 2000U, 0U}) {
        while (taken.size() != target) {
            const std::uint32_t place = random.below(size);
            ASSERT_EQ(book.is_taken(place), taken.contains(place));
            if (taken.size() < target) {
                ASSERT_EQ(book.take(place, size), taken.insert(place).second);
            } else {
                ASSERT_EQ(book.free(place), taken.erase(place) == 1);
            }
            ASSERT_EQ(book.taken(), taken.size());
            const std::uint32_t from = random.below(size);
            ASSERT_EQ(book.next_free(from, size), next_free(taken, from, size)) << taken.size() << " from " << from;
        }
    }
    EXPECT_EQ(book.bytes(), 0U);
}

TEST(Book, ForgetsWhatOthersHeld) {
    constexpr std::uint32_t size = 8;
    PortBook book;
    for (std::uint32_t place = 0; place < size; ++place)
        ASSERT_TRUE(book.take(place, size));
    EXPECT_FALSE(book.forget_foreign());
    book.note_foreign(3);
    book.note_foreign(5);
    EXPECT_TRUE(book.forget_foreign());
    EXPECT_EQ(book.taken(), size - 2);
    EXPECT_EQ(book.next_free(0, size), 3U);
    EXPECT_EQ(book.next_free(4, size), 5U);
    EXPECT_FALSE(book.forget_foreign());
}

}  // namespace
}  // namespace xdemux::test::policy_port_book
