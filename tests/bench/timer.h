// SPDX-License-Identifier: BSD-2-Clause
// Times a program against the baseline under BPF_PROG_TEST_RUN, by the wall clock around the system call: the kernel's
// own duration is a truncated integer. The program that is run is attached to a device meanwhile, since otherwise the
// system call patches the kernel's XDP dispatcher inside the timed window; and never two at once, since the dispatcher
// would then have to choose. It knows no tables of the program under test.
#pragma once

#include <cstdint>
#include <vector>

#include "mix.h"
#include "scenario.h"
#include "support/packet_builder.h"

struct mixer;

namespace xdemux::bench {

/// Every method throws std::runtime_error when the kernel refuses.
class Timer {
  public:
    /// `ifindex`: the device that packets arrive on; nothing else may be attached to it, or arrive.
    explicit Timer(std::uint32_t ifindex);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    [[nodiscard]] int baseline() const;

    struct Run {
        double ns = 0;   ///< a packet
        int action = 0;  ///< XDP action of the last packet
    };
    /// Runs the program on `repeats` packets of the row.
    Run run(int program_fd, const Row& row, std::uint32_t repeats);
    /// Lets go of the program that ran last, so that its tables can be freed.
    void release();

  private:
    void attach(int program_fd);
    void prepare_mix(const Row& row);
    Run run_frame(int program_fd, test::Bytes frame, std::uint32_t repeats);

    std::uint32_t ifindex_;
    mixer* skeleton_ = nullptr;
    int attached_ = -1;           // program
    const Row* mixed_ = nullptr;  // whose samples are in the map
};

}  // namespace xdemux::bench
