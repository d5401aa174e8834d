// SPDX-License-Identifier: BSD-2-Clause
// What becomes of a range of ports under a load: a discrete-event simulation on the allocator that ships, and how well
// the next port can be guessed. It knows no host; the same request gives the same answer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/port_algorithm.h>
#include <xdemux/policy/port_set.h>

namespace xdemux {

struct SimulationRequest {
    PortSet ports;
    PortAlgorithm algorithm = PortAlgorithm::permutation;
    double rate = 100;      ///< connections per second, to all destinations; they arrive at random (Poisson)
    double held = 1;        ///< seconds that one lasts, on average (exponential)
    double time_wait = 60;  ///< seconds that its port then is not free
    std::uint32_t destinations = 1;
    double duration = 300;  ///< seconds
    std::uint64_t seed = 1;
};

/// At a moment; of all destinations together.
struct SimulationSample {
    double at = 0;  ///< seconds
    std::uint32_t in_use = 0;
    std::uint32_t time_wait = 0;
    std::uint64_t failed = 0;  ///< so far
};

/// Tries per allocation that found a port.
struct TryStatistics {
    double mean = 0;
    std::uint32_t median = 0;
    std::uint32_t percentile_99 = 0;
    std::uint32_t most = 0;
};

/// How well someone who does not see the connection guesses its port: bits of collision entropy (Rényi's, of order 2),
/// minus the logarithm of the chance that two tries of the same situation differ alike. log2 of the ports at most.
struct Predictability {
    double most = 0;         ///< what a port drawn at random would have
    double from_own = 0;     ///< he had just a connection of his own to himself, and saw its port
    double from_former = 0;  ///< he saw the port of the connection before to the same destination
};

struct SimulationResult {
    std::uint64_t offered = 0;
    std::uint64_t opened = 0;
    std::uint64_t failed = 0;
    std::uint64_t failed_early = 0;         ///< of them, while a port was free: the algorithm gave up
    std::optional<double> exhausted_after;  ///< seconds until the first failed
    std::uint64_t collisions = 0;           ///< ports tried that were taken
    TryStatistics tries;
    std::uint32_t most_taken = 0;         ///< ports towards one destination at once, TIME_WAIT among them
    std::optional<double> soonest_reuse;  ///< seconds from a port's being free to its next use to that destination
    double wanted = 0;                    ///< ports towards one destination that the load needs in the long run
    Predictability predictability;
    std::vector<SimulationSample> samples;  ///< evenly spread over the duration
};

/// ErrorKind::usage where a number is out of its limits, or the events are too many.
Result<SimulationResult> simulate(const SimulationRequest& request);

/// Of the algorithm on its own, over that many ports, without load.
Predictability predictability_of(PortAlgorithm algorithm, const PortSet& ports, std::uint64_t seed);

}  // namespace xdemux
