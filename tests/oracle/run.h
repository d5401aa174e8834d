// SPDX-License-Identifier: BSD-2-Clause
// A run of the oracle: scene after scene, look-ups and really sent packets, a report, and the first failing case made
// as small as it gets. It prints nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "judge.h"
#include "scene.h"

namespace xdemux::oracle {

struct RunRequest {
    std::uint64_t lookups = 2'000'000;
    std::uint64_t sends = 5'000;
    std::uint64_t seed = 1;
    std::string peer;      ///< the namespace at the other end of xd0
    std::string instance;  ///< a name that nobody else uses
    std::uint64_t first_scene =
        0;  ///< of another run in the same namespace and minute 1,000 others: they have ports of their own
    /// For the proof that a difference is found: changes what is mirrored, not the sockets.
    std::function<void(std::vector<SocketSpec>&)> distort{};
};

struct Count {
    std::uint64_t agreed = 0;
    std::uint64_t by_design = 0;
    std::uint64_t mismatched = 0;
};

struct Failure {
    std::vector<SocketSpec> sockets;
    Packet packet;
    std::string what;    ///< "the look-ups", "the host's sockets", "a packet that was sent"
    std::string kernel;  ///< who gets it
    std::string program;
};

struct Report {
    std::uint64_t scenes = 0;
    std::map<std::string, std::uint64_t> sockets;  ///< by SocketSpec::kind_name()
    std::map<std::string, Count> lookups;          ///< by kind_of(), and by design class
    std::map<std::string, Count> sends;
    std::uint64_t host_lookups = 0;    ///< where the tables were empty and the host was asked
    std::optional<Failure> failure{};  ///< the first; the run ends with it
};

/// Throws std::runtime_error where the test bed fails.
Report run_oracle(const RunRequest& request);

/// The failing case as commands of a shell.
std::string commands_of(const Failure& failure);

}  // namespace xdemux::oracle
