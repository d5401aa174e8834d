// SPDX-License-Identifier: BSD-2-Clause
// Each algorithm held to what its RFC, or its own promise, says: uniform, no repetition, destinations apart from each
// other, no failure while a port is free. Keys are fixed, so a bound that holds once holds always.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <xdemux/policy/ephemeral_pool.h>
#include <xdemux/policy/port_set.h>

namespace xdemux::test::policy_ephemeral_pool {
namespace {

using ::testing::HasSubstr;

constexpr PortRange linux_range{32768, 60999};
constexpr SipKey source{11, 13};

std::shared_ptr<const std::vector<std::uint16_t>> ports_of(const PortRange& range, const PortRange& without = {1, 1}) {
    PortSet ports = PortSet::of(std::array{range});
    ports.remove(without);
    return std::make_shared<const std::vector<std::uint16_t>>(ports.list());
}

SocketAddress remote(std::uint32_t index) {
    const auto byte = [&](unsigned shift) { return static_cast<std::uint8_t>(index >> shift); };
    return {Address::ipv4({10, byte(16), byte(8), byte(0)}), 443};
}

EphemeralPool pool_of(PortAlgorithm algorithm, const PortRange& range, std::uint64_t seed = 1) {
    return {ports_of(range), std::make_shared<PortSelector>(algorithm, SipKey{seed, 17}), source};
}

Result<bool> granted(std::uint16_t /*port*/) {
    return true;
}

/// The next port; 0 where there is none.
std::uint16_t next(EphemeralPool& pool, std::uint32_t to) {
    const auto choice = pool.allocate(remote(to), granted);
    return choice && choice->port ? *choice->port : std::uint16_t{0};
}

/// Of as many ports as three rounds of the range, each to a destination of its own, by a 64th of the range: shares that
/// are off by 3 % in the mean are found.
double chi_square(EphemeralPool& pool, const PortRange& range) {
    constexpr std::size_t bins = 64;
    std::array<double, bins> counts{};
    const std::uint32_t draws = 3 * pool.size();
    for (std::uint32_t to = 0; to < draws; ++to) {
        const std::uint16_t port = next(pool, to);
        ++counts[(std::size_t{port} - range.first) * bins / pool.size()];
        pool.release(remote(to), port);
    }
    double sum = 0;
    const double expected = static_cast<double>(draws) / bins;
    for (const double each : counts)
        sum += (each - expected) * (each - expected) / expected;
    return sum;
}

class EachAlgorithm : public ::testing::TestWithParam<PortAlgorithm> {
  protected:
    static bool may_give_up() { return GetParam() == PortAlgorithm::another_random || random_steps(); }
    static bool random_steps() { return GetParam() == PortAlgorithm::random_increments; }
};

std::string name_of(const ::testing::TestParamInfo<PortAlgorithm>& info) {
    std::string name(info_of(info.param).name);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Rfc6056AndOurs, EachAlgorithm,
                         ::testing::Values(PortAlgorithm::simple_random, PortAlgorithm::another_random,
                                           PortAlgorithm::simple_hash, PortAlgorithm::double_hash,
                                           PortAlgorithm::random_increments, PortAlgorithm::sequential,
                                           PortAlgorithm::permutation),
                         name_of);

TEST_P(EachAlgorithm, NeverGivesOnePortTwiceToADestination) {
    constexpr PortRange range{1000, 1999};
    auto pool = pool_of(GetParam(), range);
    std::set<std::uint16_t> given;
    for (int i = 0; i < 1000; ++i) {
        const std::uint16_t port = next(pool, 1);
        if (port == 0) break;
        EXPECT_TRUE(range.covers(port));
        EXPECT_TRUE(given.insert(port).second) << port << " was given before";
    }
    EXPECT_EQ(pool.taken(remote(1)), given.size());
    // The two that draw each try anew may miss the last ports (RFC 6056, sections 3.3.2 and 3.3.5); they must not give
    // up early: with 1,000 tries one port in a hundred is missed with a chance of e^-10.
    EXPECT_GE(given.size(), may_give_up() ? 990U : 1000U);
}

TEST_P(EachAlgorithm, DestinationsDoNotHinderEachOther) {
    constexpr PortRange range{1000, 1063};
    auto pool = pool_of(GetParam(), range);
    const std::uint32_t enough = may_give_up() ? 48 : 64;
    for (std::uint32_t to = 0; to < 20; ++to) {
        for (std::uint32_t i = 0; i < enough; ++i)
            ASSERT_NE(next(pool, to), 0) << "destination " << to << ", port " << i;
    }
}

TEST_P(EachAlgorithm, GivesAPortAgainAfterItsRelease) {
    constexpr PortRange range{1000, 1003};
    auto pool = pool_of(GetParam(), range);
    std::set<std::uint16_t> given;
    while (given.size() < 4)
        if (const auto port = next(pool, 1); port != 0) given.insert(port);
    EXPECT_EQ(next(pool, 1), 0);
    ASSERT_TRUE(pool.release(remote(1), 1002));
    EXPECT_FALSE(pool.release(remote(1), 1002));
    EXPECT_FALSE(pool.release(remote(2), 1001));
    EXPECT_FALSE(pool.release(remote(1), 999));
    std::uint16_t port = 0;
    for (int tries = 0; tries < 1000 && port == 0; ++tries)
        port = next(pool, 1);
    EXPECT_EQ(port, 1002);
}

TEST_P(EachAlgorithm, HandsOutOnlyThePortsItHas) {
    EphemeralPool pool(ports_of({1000, 1099}, {1010, 1089}), std::make_shared<PortSelector>(GetParam(), SipKey{3, 5}),
                       source);
    EXPECT_EQ(pool.size(), 20U);
    for (int i = 0; i < 19; ++i) {
        const std::uint16_t port = next(pool, 1);
        EXPECT_TRUE(port == 0 || port < 1010 || port > 1089) << port;
    }
}

TEST_P(EachAlgorithm, IsUniform) {
    auto pool = pool_of(GetParam(), linux_range);
    // 63 degrees of freedom: above 104 once in a thousand.
    EXPECT_LT(chi_square(pool, linux_range), 104);
}

TEST_P(EachAlgorithm, IsSafeForManyThreads) {
    constexpr PortRange range{1000, 2999};
    auto pool = pool_of(GetParam(), range);
    std::array<std::vector<std::uint16_t>, 4> given;
    std::vector<std::thread> threads;
    for (auto& mine : given) {
        threads.emplace_back([&] {
            for (int i = 0; i < 400; ++i)
                mine.push_back(next(pool, 1));
        });
    }
    for (auto& thread : threads)
        thread.join();
    std::set<std::uint16_t> all;
    for (const auto& mine : given) {
        for (const std::uint16_t port : mine)
            EXPECT_TRUE(port != 0 && all.insert(port).second) << port;
    }
    EXPECT_EQ(pool.taken(remote(1)), 1600U);
}

TEST_P(EachAlgorithm, PassesOverWhatOthersHold) {
    constexpr PortRange range{1000, 1009};
    auto pool = pool_of(GetParam(), range);
    std::set<std::uint16_t> elsewhere{1000, 1002, 1003, 1004, 1005, 1006, 1008, 1009};
    const auto claim = [&](std::uint16_t port) -> Result<bool> { return elsewhere.insert(port).second; };
    std::set<std::uint16_t> given;
    for (int tries = 0; tries < 1000 && given.size() < 2; ++tries) {
        const auto choice = pool.allocate(remote(1), claim);
        ASSERT_TRUE(choice);
        if (choice->port) given.insert(*choice->port);
    }
    EXPECT_EQ(given, (std::set<std::uint16_t>{1001, 1007}));
    // What another gives back is found, though nobody told.
    elsewhere.erase(1004);
    std::optional<std::uint16_t> port;
    for (int tries = 0; tries < 1000 && !port; ++tries)
        port = pool.allocate(remote(1), claim)->port;
    EXPECT_EQ(port, 1004);
}

TEST_P(EachAlgorithm, AFailedClaimEndsTheSelectionAndTakesNothing) {
    auto pool = pool_of(GetParam(), {1000, 1009});
    const auto choice =
        pool.allocate(remote(1), [](std::uint16_t) -> Result<bool> { return fail(ErrorKind::full, "no room"); });
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().message(), "no room");
    EXPECT_EQ(pool.taken(remote(1)), 0U);
}

TEST(SimpleHash, GoesOnFromTheDestinationsOffsetWithOneCounterForAll) {
    auto pool = pool_of(PortAlgorithm::simple_hash, linux_range);
    const std::uint16_t first = next(pool, 1);
    const std::uint16_t other = next(pool, 2);
    EXPECT_EQ((next(pool, 1) - first + 28'232) % 28'232, 2);
    EXPECT_EQ((next(pool, 2) - other + 28'232) % 28'232, 2);
}

TEST(DoubleHash, GoesOnWhereTheDestinationWasUnlessACounterIsShared) {
    auto pool = pool_of(PortAlgorithm::double_hash, linux_range);
    int steady = 0;
    for (std::uint32_t to = 0; to < 200; to += 2) {
        const std::uint16_t first = next(pool, to);
        next(pool, to + 1);
        steady += (next(pool, to) - first + 28'232) % 28'232 == 1 ? 1 : 0;
    }
    // Two of 4,096 counters are the same once in 4,096 times: of 100 pairs more than two once in 500,000.
    EXPECT_GE(steady, 98);
}

TEST(RandomIncrements, StepsAreOneToFiveHundredAndAllAlike) {
    auto pool = pool_of(PortAlgorithm::random_increments, linux_range);
    std::uint16_t last = next(pool, 0);
    std::map<int, int> steps;
    for (std::uint32_t to = 1; to < 5000; ++to) {
        const std::uint16_t port = next(pool, to);
        ++steps[(port - last + 28'232) % 28'232];
        last = port;
    }
    EXPECT_EQ(steps.begin()->first, 1);
    EXPECT_EQ(steps.rbegin()->first, 500);
    EXPECT_GE(steps.size(), 495U);  // 5,000 draws of 500 miss one with a chance of e^-10
}

TEST(Sequential, IsOneAfterTheOtherForAllAndMarkedUnsafe) {
    auto pool = pool_of(PortAlgorithm::sequential, linux_range);
    const std::uint16_t first = next(pool, 1);
    EXPECT_EQ((next(pool, 2) - first + 28'232) % 28'232, 1);
    EXPECT_EQ((next(pool, 3) - first + 28'232) % 28'232, 2);
    for (const PortAlgorithmInfo& info : port_algorithms())
        EXPECT_EQ(info.safe, info.algorithm != PortAlgorithm::sequential) << info.name;
}

TEST(PermutationPool, FillsARangeToTheLastPortWithOneTryEach) {
    auto pool = pool_of(PortAlgorithm::permutation, linux_range);
    std::set<std::uint16_t> given;
    for (int i = 0; i < 28'232; ++i) {
        const auto choice = pool.allocate(remote(1), granted);
        ASSERT_TRUE(choice && choice->port);
        ASSERT_EQ(choice->tries, 1U);
        ASSERT_TRUE(given.insert(*choice->port).second);
    }
    const auto none = pool.allocate(remote(1), granted);
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->port);
    EXPECT_EQ(none->tries, 0U);
    EXPECT_NE(next(pool, 2), 0);
}

TEST(PermutationPool, RepeatsNoPortBeforeAllHadTheirTurn) {
    constexpr PortRange range{1000, 1999};
    auto pool = pool_of(PortAlgorithm::permutation, range);
    std::set<std::uint16_t> given;
    for (int i = 0; i < 1000; ++i) {
        const std::uint16_t port = next(pool, 1);
        ASSERT_TRUE(given.insert(port).second) << "the port " << port << " came again after " << i;
        pool.release(remote(1), port);
    }
}

TEST(PermutationPool, KeysAndDestinationsHaveOrdersOfTheirOwn) {
    const auto order = [](std::uint64_t seed, std::uint32_t to) {
        auto pool = pool_of(PortAlgorithm::permutation, linux_range, seed);
        std::vector<std::uint16_t> ports;
        for (int i = 0; i < 1000; ++i)
            ports.push_back(next(pool, to));
        return ports;
    };
    const auto mine = order(1, 1);
    EXPECT_EQ(mine, order(1, 1));
    for (const auto& other : {order(1, 2), order(2, 1)}) {
        int alike = 0;
        for (std::size_t i = 0; i < mine.size(); ++i)
            alike += mine[i] == other[i] ? 1 : 0;
        EXPECT_LE(alike, 3);  // 1,000 places with a chance of 1 in 28,232 each: more than 3 once in 16 million times
    }
}

TEST(PermutationPool, AdoptsWhatIsTakenAlready) {
    auto pool = pool_of(PortAlgorithm::permutation, {1000, 1002});
    EXPECT_TRUE(pool.adopt(remote(1), 1001));
    EXPECT_FALSE(pool.adopt(remote(1), 1001));
    EXPECT_FALSE(pool.adopt(remote(1), 2000));
    std::set<std::uint16_t> given{next(pool, 1), next(pool, 1)};
    EXPECT_EQ(given, (std::set<std::uint16_t>{1000, 1002}));
    EXPECT_EQ(next(pool, 1), 0);
}

TEST(PermutationPool, ForgetsIdleDestinationsWhenThereAreTooMany) {
    auto pool = pool_of(PortAlgorithm::permutation, linux_range);
    for (std::uint32_t to = 0; to < 300'000; ++to) {
        const auto choice = pool.allocate(remote(to), granted);
        ASSERT_TRUE(choice && choice->port);
        pool.release(remote(to), *choice->port);
    }
    // 16 times 4,096 idle ones at most, with twice the buckets.
    EXPECT_LT(pool.bytes(), 16U * 4200U * 160U);
}

TEST(Algorithms, AreKnownByNameAndByTheNumberInTheRfc) {
    EXPECT_EQ(parse_port_algorithm("double-hash"), PortAlgorithm::double_hash);
    EXPECT_EQ(parse_port_algorithm("4"), PortAlgorithm::double_hash);
    EXPECT_EQ(parse_port_algorithm("1"), PortAlgorithm::simple_random);
    EXPECT_EQ(parse_port_algorithm("permutation"), PortAlgorithm::permutation);
    for (const char* text : {"", "0", "6", "Hash"}) {
        const auto algorithm = parse_port_algorithm(text);
        ASSERT_FALSE(algorithm);
        EXPECT_EQ(algorithm.error().kind(), ErrorKind::usage);
        EXPECT_THAT(algorithm.error().message(), HasSubstr("use simple-random, another-random, simple-hash"));
    }
}

}  // namespace
}  // namespace xdemux::test::policy_ephemeral_pool
