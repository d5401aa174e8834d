// SPDX-License-Identifier: BSD-2-Clause
// The simulation against what queueing theory and arithmetic say of the same load.
#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include <xdemux/policy/ephemeral_simulation.h>

namespace xdemux::test::policy_ephemeral_simulation {
namespace {

PortSet ports_of(const PortRange& range) {
    return PortSet::of(std::array{range});
}

SimulationRequest request_of(PortAlgorithm algorithm, const PortRange& range) {
    SimulationRequest request;
    request.ports = ports_of(range);
    request.algorithm = algorithm;
    return request;
}

TEST(Simulation, ExhaustsWhenTheRangeIsFullAndNotBefore) {
    auto request = request_of(PortAlgorithm::permutation, {1000, 1999});
    request.rate = 100;
    request.held = 0.1;
    request.time_wait = 60;
    request.duration = 60;
    const auto result = simulate(request);
    ASSERT_TRUE(result);
    // 1,000 ports at 100 a second last 10 s; arrivals at random vary by the root of a thousand.
    ASSERT_TRUE(result->exhausted_after);
    EXPECT_NEAR(*result->exhausted_after, 10, 1);
    EXPECT_EQ(result->most_taken, 1000U);
    EXPECT_EQ(result->opened, 1000U);
    EXPECT_EQ(result->failed_early, 0U);
    EXPECT_EQ(result->offered, result->opened + result->failed);
    EXPECT_DOUBLE_EQ(result->wanted, 6010);
    EXPECT_EQ(result->tries.most, 1U);
    EXPECT_EQ(result->samples.size(), 240U);
    EXPECT_DOUBLE_EQ(result->samples.back().at, 60);
    EXPECT_EQ(result->samples.back().in_use + result->samples.back().time_wait, 1000U);
}

TEST(Simulation, HoldsAsManyPortsAsLittlesLawSays) {
    auto request = request_of(PortAlgorithm::simple_random, {10000, 29999});
    request.rate = 100;
    request.held = 10;
    request.time_wait = 20;
    request.duration = 200;
    const auto result = simulate(request);
    ASSERT_TRUE(result);
    EXPECT_FALSE(result->exhausted_after);
    EXPECT_EQ(result->failed, 0U);
    double in_use = 0, time_wait = 0;
    int counted = 0;
    for (const SimulationSample& sample : result->samples) {
        if (sample.at < 100) continue;
        in_use += sample.in_use;
        time_wait += sample.time_wait;
        ++counted;
    }
    EXPECT_NEAR(in_use / counted, 1000, 50);
    EXPECT_NEAR(time_wait / counted, 2000, 100);
}

TEST(Simulation, TriesOfARandomSearchGrowWithTheUse) {
    // Of 1,000 ports some 900 are taken: a port drawn at random is free once in ten times.
    auto request = request_of(PortAlgorithm::another_random, {1000, 1999});
    request.rate = 90;
    request.held = 5;
    request.time_wait = 5;
    request.duration = 300;
    const auto random = simulate(request);
    request.algorithm = PortAlgorithm::permutation;
    const auto ordered = simulate(request);
    ASSERT_TRUE(random && ordered);
    EXPECT_GT(random->tries.mean, 5);
    EXPECT_LT(random->tries.mean, 20);
    EXPECT_GT(random->tries.percentile_99, random->tries.median);
    EXPECT_EQ(random->collisions > 0, true);
    EXPECT_DOUBLE_EQ(ordered->tries.mean, 1);
    EXPECT_EQ(ordered->collisions, 0U);
    // In its order the port that is free for longest comes next; at random some come back at once.
    ASSERT_TRUE(random->soonest_reuse && ordered->soonest_reuse);
    EXPECT_LT(*random->soonest_reuse, 0.1);
}

TEST(Simulation, GivesTheSameAnswerToTheSameRequest) {
    auto request = request_of(PortAlgorithm::double_hash, {1000, 1999});
    request.destinations = 7;
    request.duration = 30;
    const auto once = simulate(request);
    const auto again = simulate(request);
    request.seed = 2;
    const auto other = simulate(request);
    ASSERT_TRUE(once && again && other);
    EXPECT_EQ(once->offered, again->offered);
    EXPECT_EQ(once->collisions, again->collisions);
    EXPECT_NE(once->offered, other->offered);
}

TEST(Simulation, RefusesWhatItCannotDo) {
    auto request = request_of(PortAlgorithm::permutation, {1000, 1999});
    request.rate = 0;
    EXPECT_EQ(simulate(request).error().message(), "--rate 0 is outside 0.001-1e+07");
    request.rate = 1e6;
    EXPECT_EQ(simulate(request).error().kind(), ErrorKind::usage);
    request = request_of(PortAlgorithm::permutation, {1000, 1999});
    request.ports = {};
    EXPECT_EQ(simulate(request).error().kind(), ErrorKind::full);
    request.ports = ports_of({1000, 1999});
    request.held = -1;
    EXPECT_EQ(simulate(request).error().message(), "--hold -1 is outside 0-86400");
}

// 16,384 ports are 14 bits. An attacker who sees ports of his own, or a former one.
TEST(Predictability, SequentialIsCaughtAtOnce) {
    const auto guess = predictability_of(PortAlgorithm::sequential, ports_of({49152, 65535}), 1);
    EXPECT_DOUBLE_EQ(guess.most, 14);
    EXPECT_LT(guess.from_own, 0.01);
    EXPECT_LT(guess.from_former, 0.01);
}

TEST(Predictability, OfWhatIsDrawnAtRandomThereIsNone) {
    for (const auto algorithm :
         {PortAlgorithm::simple_random, PortAlgorithm::another_random, PortAlgorithm::permutation}) {
        const auto guess = predictability_of(algorithm, ports_of({49152, 65535}), 1);
        EXPECT_GT(guess.from_own, 13.7) << info_of(algorithm).name;
        EXPECT_GT(guess.from_former, 13.7) << info_of(algorithm).name;
    }
}

TEST(Predictability, OfHashesOnlyAFormerPortTells) {
    for (const auto algorithm : {PortAlgorithm::simple_hash, PortAlgorithm::double_hash}) {
        const auto guess = predictability_of(algorithm, ports_of({49152, 65535}), 1);
        EXPECT_GT(guess.from_own, 13.7) << info_of(algorithm).name;
        EXPECT_LT(guess.from_former, 0.01) << info_of(algorithm).name;
    }
}

TEST(Predictability, OfRandomIncrementsIsTheirStep) {
    const auto guess = predictability_of(PortAlgorithm::random_increments, ports_of({49152, 65535}), 1);
    EXPECT_NEAR(guess.from_own, std::log2(500), 0.1);
    EXPECT_NEAR(guess.from_former, std::log2(500), 0.1);
}

}  // namespace
}  // namespace xdemux::test::policy_ephemeral_simulation
