// SPDX-License-Identifier: BSD-2-Clause
// The tables with so many rows for each CPU that the kernel takes seconds to make them where it is emulated: made with
// the first program, and lent to the others, since only one of them runs at a time. It says nothing of what is in them.
#pragma once

#include <array>
#include <optional>

#include <xdemux/contract.h>

#include "support/port_sweep.h"

struct bpf_object;

namespace xdemux::test {

/// Every method throws std::runtime_error when the kernel refuses.
class BigTables {
  public:
    /// Those of all programs that count as these settings say; they stay for the life of the process.
    static BigTables& of(const contract::settings& settings);

    /// Before the object is loaded. Does nothing for the first.
    void lend_to(const bpf_object& object) const;
    /// After it was loaded. Does nothing but for the first.
    void keep_of(const bpf_object& object);

    PortSweep& ports() { return *ports_; }
    PortSweep& drops() { return *drops_; }

  private:
    static constexpr std::array names = {"port_counters", "port_drops", "listener_counts", "scanners"};

    std::array<int, names.size()> fds_{};
    std::optional<PortSweep> ports_, drops_;
};

}  // namespace xdemux::test
