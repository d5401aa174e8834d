// SPDX-License-Identifier: BSD-2-Clause
// A table of port counters, swept at once by a program of its own (see ../port_sweep.bpf.c). It knows the test's CPU
// alone, to which the test bed is pinned, and asserts nothing.
#pragma once

#include <memory>

#include <xdemux/contract.h>

struct bpf_map;
struct port_sweep;

namespace xdemux::test {

class PortSweep {
  public:
    /// Of a table like port_counters, which must be loaded and may go before this does.
    explicit PortSweep(const bpf_map* ports);

    /// What the table's rows have in all; they are zero then. Throws std::runtime_error when the kernel refuses.
    contract::traffic take();

  private:
    std::unique_ptr<port_sweep, void (*)(port_sweep*)> skeleton_;
};

}  // namespace xdemux::test
