// SPDX-License-Identifier: BSD-2-Clause
// An iperf3 flow over loopback, in the namespace and on the CPU of the bench.
#pragma once

#include <chrono>

#include <sys/types.h>

namespace xdemux::bench {

/// The server, for as long as the object lives. Every method throws std::runtime_error.
class Flow {
  public:
    Flow();
    ~Flow();
    Flow(const Flow&) = delete;
    Flow& operator=(const Flow&) = delete;

    /// Sends for so long; ns that a kilobyte (1,000 bytes) took.
    [[nodiscard]] double run(std::chrono::seconds duration) const;

  private:
    pid_t server_ = -1;
};

}  // namespace xdemux::bench
