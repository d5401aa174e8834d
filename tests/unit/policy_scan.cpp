// SPDX-License-Identifier: BSD-2-Clause
// How many endpoints the bitmaps stand for, over random sets of every size; and how slots become rows.
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/policy/scan.h>

namespace xdemux::test::policy_scan {
namespace {

Address address(std::string_view text) {
    return Address::parse(text).value();
}

/// Draws endpoints as the data path marks them: a bit of 64, and further bits that decide on the coarser bitmaps.
class Endpoints {
  public:
    void add(int count) {
        for (int i = 0; i < count; ++i) {
            const std::uint64_t hash = random_();
            const std::uint64_t bit = 1ULL << (hash & 63U);
            bits_[0] |= bit;
            if ((hash >> 6U & 15U) == 0) bits_[1] |= bit;
            if ((hash >> 6U & 255U) == 0) bits_[2] |= bit;
        }
    }
    EndpointBits take() { return std::exchange(bits_, {}); }

  private:
    std::mt19937_64 random_{2026};
    EndpointBits bits_{};
};

/// Of the estimate over sets of one size, relative to it.
struct Spread {
    double bias = 0;
    double deviation = 0;
    double worst = 0;
};

Spread spread_of(Endpoints& endpoints, int size) {
    constexpr int sets = 60;
    double sum = 0;
    double squares = 0;
    Spread spread;
    for (int i = 0; i < sets; ++i) {
        endpoints.add(size);
        const double error = estimate_endpoints(endpoints.take()) / size - 1;
        sum += error;
        squares += error * error;
        spread.worst = std::max(spread.worst, std::abs(error));
    }
    spread.bias = sum / sets;
    spread.deviation = std::sqrt(squares / sets);
    return spread;
}

TEST(EstimateEndpoints, StaysWithinItsErrorFromOneTo65535) {
    Endpoints endpoints;
    for (const int size : {1,   2,   3,    5,    8,    16,   32,   64,    100,   150,   200,   300,
                           400, 600, 1000, 1700, 2500, 4000, 6000, 10000, 16000, 25000, 40000, 65535}) {
        SCOPED_TRACE(size);
        const Spread spread = spread_of(endpoints, size);
        EXPECT_LT(std::abs(spread.bias), 0.10);
        EXPECT_LT(spread.deviation, size <= 40000 ? 0.25 : 0.30);
        EXPECT_LT(spread.worst, 1.0);
    }
}

TEST(EstimateEndpoints, OfAFewIsExactUnlessTheyMeet) {
    for (int count = 1; count <= 7; ++count) {
        EndpointBits bits{(1ULL << static_cast<unsigned>(count)) - 1, 0, 0};
        EXPECT_EQ(std::lround(estimate_endpoints(bits)), count);
        // One of them happens to be in every sample.
        bits[1] = bits[2] = 1;
        EXPECT_EQ(std::lround(estimate_endpoints(bits)), count);
    }
}

TEST(EstimateEndpoints, OfNothingIsZeroAndOfEverythingFinite) {
    EXPECT_EQ(estimate_endpoints({}), 0);
    // 64 * 256 * log(64 / 0.5)
    EXPECT_NEAR(estimate_endpoints({~0ULL, ~0ULL, ~0ULL}), 79'495, 1);
}

TEST(EstimateEndpoints, GrowsWithEveryBit) {
    Endpoints endpoints;
    endpoints.add(500);
    const EndpointBits bits = endpoints.take();
    for (std::size_t level = 1; level < bits.size(); ++level) {
        EndpointBits more = bits;
        more[level] |= more[level] + 1;
        EXPECT_GT(estimate_endpoints(more), estimate_endpoints(bits)) << level;
    }
}

TEST(EstimateAddresses, IsLinearCounting) {
    EXPECT_EQ(estimate_addresses(0), 0);
    EXPECT_NEAR(estimate_addresses(1), 1.008, 0.001);
    EXPECT_NEAR(estimate_addresses(0xffff'ffff), 44.36, 0.01);  // 64 * log(2)
    EXPECT_NEAR(estimate_addresses(~0ULL), 310.5, 0.1);
}

ScanSlot slot(std::string_view source, std::uint32_t first, std::uint32_t last, std::uint64_t packets) {
    ScanSlot slot;
    slot.source = address(source);
    slot.first_seen = first;
    slot.last_seen = last;
    slot.packets = packets;
    slot.endpoints = {1, 0, 0};
    slot.addresses = 1;
    return slot;
}

TEST(MergeScans, AddsUpWhatTheCpusSawOfASource) {
    std::vector<ScanSlot> slots = {slot("192.0.2.9", 11, 12, 100), slot("192.0.2.8", 1, 2, 7),
                                   slot("192.0.2.9", 5, 11, 1)};
    slots[0].endpoints = {0b0110, 0, 0};
    slots[0].protocols = 1;
    slots[0].tcp_flags = 2;
    slots[2].endpoints = {0b1100, 0, 0};
    slots[2].protocols = 2;
    slots[2].tcp_flags = 16;
    const std::vector<Scan> scans = merge_scans(slots);
    ASSERT_EQ(scans.size(), 2U);
    Scan expected;
    expected.source = address("192.0.2.9");
    expected.endpoints = 3;
    expected.addresses = 1;
    expected.packets = 101;
    expected.first_seen_ns = 4ULL << 30U;
    expected.last_seen_ns = 11ULL << 30U;
    expected.protocols = 3;
    expected.tcp_flags = 18;
    expected.kind = ScanKind::ports;
    EXPECT_EQ(scans[0], expected);
    EXPECT_EQ(scans[1].source, address("192.0.2.8"));
}

TEST(MergeScans, KeepsFamiliesApartAndTheMostEndpointsFirst) {
    std::vector<ScanSlot> slots = {slot("1.2.3.4", 1, 1, 9), slot("102:304::", 1, 1, 9), slot("9.9.9.9", 1, 1, 10)};
    slots[1].endpoints = {3, 0, 0};
    const std::vector<Scan> scans = merge_scans(slots);
    ASSERT_EQ(scans.size(), 3U);
    EXPECT_EQ(scans[0].source, address("102:304::"));
    EXPECT_EQ(scans[1].source, address("9.9.9.9"));
}

ScanKind kind_of(const EndpointBits& endpoints, std::uint64_t addresses) {
    std::vector<ScanSlot> slots = {slot("192.0.2.9", 1, 1, 1)};
    slots[0].endpoints = endpoints;
    slots[0].addresses = addresses;
    return merge_scans(slots)[0].kind;
}

TEST(MergeScans, TellsPortsOfOneAddressFromOnePortOfManyAddresses) {
    EXPECT_EQ(kind_of({0xff, 0, 0}, 1), ScanKind::ports);
    EXPECT_EQ(kind_of({1, 0, 0}, 1), ScanKind::ports);
    EXPECT_EQ(kind_of({0xff, 0, 0}, 0xff00), ScanKind::addresses);
    EXPECT_EQ(kind_of({0x3ff, 0, 0}, 0xff00), ScanKind::addresses);  // as far as estimates tell
    EXPECT_EQ(kind_of({0xffff, 0, 0}, 0xff00), ScanKind::mixed);     // two ports each
    EXPECT_EQ(kind_of({0xffff'ffff, 0, 0}, 3), ScanKind::mixed);
    EXPECT_EQ(kind_of({~0ULL, 0xff, 0}, ~0ULL), ScanKind::addresses);
}

TEST(SettleSlot, KeepsWhatBothReadingsHave) {
    ScanSlot first = slot("192.0.2.9", 5, 6, 10);
    first.endpoints = {0xff, 0x0f, 1};  // of which some are a predecessor's
    first.addresses = 7;
    first.protocols = 3;
    ScanSlot second = slot("192.0.2.9", 5, 7, 12);
    second.endpoints = {0x13, 0x01, 0};
    second.protocols = 1;
    ASSERT_TRUE(settle(first, second));
    EXPECT_EQ(first.endpoints, (EndpointBits{0x13, 0x01, 0}));
    EXPECT_EQ(first.addresses, 1U);
    EXPECT_EQ(first.protocols, 1);
    EXPECT_EQ(first.packets, 10U);
}

TEST(SettleSlot, RefusesTwoSourcesOrTwoTenures) {
    const ScanSlot before = slot("192.0.2.9", 5, 6, 10);
    for (const ScanSlot& after :
         {slot("192.0.2.8", 5, 6, 10), slot("192.0.2.9", 6, 6, 10), slot("192.0.2.9", 5, 6, 9)}) {
        ScanSlot first = before;
        EXPECT_FALSE(settle(first, after));
    }
}

TEST(SelectScans, TakesThoseWithEnoughEndpointsSeenLatelyAndTheFirstOfThem) {
    std::vector<Scan> scans(4);
    for (std::size_t i = 0; i < scans.size(); ++i) {
        scans[i].endpoints = 40 - 10 * i;
        scans[i].last_seen_ns = 100 * i;
    }
    const auto endpoints_of = [&](const ScanSelection& selection) {
        std::vector<std::uint64_t> endpoints;
        for (const Scan& scan : select_scans(scans, selection))
            endpoints.push_back(scan.endpoints);
        return endpoints;
    };
    using Numbers = std::vector<std::uint64_t>;
    EXPECT_EQ(endpoints_of({}), (Numbers{40, 30, 20, 10}));
    EXPECT_EQ(endpoints_of({.min_endpoints = 20}), (Numbers{40, 30, 20}));
    EXPECT_EQ(endpoints_of({.since_ns = 100}), (Numbers{30, 20, 10}));
    EXPECT_EQ(endpoints_of({.since_ns = 100, .top = 1}), (Numbers{30}));
}

}  // namespace
}  // namespace xdemux::test::policy_scan
