// SPDX-License-Identifier: BSD-2-Clause
// The programs of yardstick.bpf.c, loaded: what the least of a step costs on this machine. It times nothing.
#pragma once

struct yardstick;

namespace xdemux::bench {

enum class Yardstick {
    none,          ///< the program under test
    least_demux,   ///< a port read unchecked, an array, three counters; passes
    tcp_lookup,    ///< the kernel asked for a TCP socket alone; drops where there is none
    route_lookup,  ///< the kernel asked for a route alone; drops what is this host's
};

class Yardsticks {
  public:
    /// Throws std::runtime_error when the kernel refuses.
    Yardsticks();
    ~Yardsticks();
    Yardsticks(const Yardsticks&) = delete;
    Yardsticks& operator=(const Yardsticks&) = delete;

    /// The program's descriptor; of none, -1.
    [[nodiscard]] int fd(Yardstick which) const;

  private:
    yardstick* skeleton_;
};

}  // namespace xdemux::bench
