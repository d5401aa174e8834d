// SPDX-License-Identifier: BSD-2-Clause
// The programs of yardstick.bpf.c, loaded: what the least of a step costs on this machine. It times nothing.
#pragma once

#include <cstdint>
#include <span>

#include <xdemux/contract.h>

struct yardstick;

namespace xdemux::bench {

enum class Yardstick {
    none,          ///< the program under test
    least_demux,   ///< a port read unchecked, an array, three counters; passes
    tcp_lookup,    ///< the kernel asked for a TCP socket alone; drops where there is none
    hash_flows,    ///< the kernel's hash map as a flow table: a look-up and three counters; passes
    route_lookup,  ///< the kernel asked for a route alone; drops what is this host's
};

class Yardsticks {
  public:
    /// `capacity` of hash_flows' map. Throws std::runtime_error when the kernel refuses.
    explicit Yardsticks(std::uint32_t capacity);
    ~Yardsticks();
    Yardsticks(const Yardsticks&) = delete;
    Yardsticks& operator=(const Yardsticks&) = delete;

    /// The program's descriptor; of none, -1.
    [[nodiscard]] int fd(Yardstick which) const;
    /// Puts flows into hash_flows' map.
    void add_flows(std::span<const contract::flow_key> keys);

  private:
    yardstick* skeleton_;
};

}  // namespace xdemux::bench
