// SPDX-License-Identifier: BSD-2-Clause
// Runs a loaded XDP program on one frame (BPF_PROG_TEST_RUN). No packet leaves; what the program does to its maps it
// does.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <xdemux/base/error.h>

namespace xdemux {

struct TestRunInput {
    std::span<const std::uint8_t> metadata{};  ///< in front of the frame: multiples of 4 bytes, 32 at most
    std::span<const std::uint8_t> frame;       ///< 14 bytes at least
    std::uint32_t ifindex = 0;                 ///< where it comes in; 0: the loopback device
    std::uint32_t queue = 0;                   ///< its receive queue; of an interface that has so many
};

struct TestRunOutput {
    std::uint32_t action = 0;            ///< XDP_PASS, ...
    std::vector<std::uint8_t> metadata;  ///< as long as the input's
    std::vector<std::uint8_t> frame;
};

Result<TestRunOutput> test_run(int program, const TestRunInput& input);

}  // namespace xdemux
