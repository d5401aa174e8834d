// SPDX-License-Identifier: BSD-2-Clause
// Counts what became of the packets, by every class that they are in. Private to this box.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <xdemux/ops/verify.h>

#include "verify_draw.h"

namespace xdemux {

enum class Compared : std::uint8_t { agreed, not_compared, mismatched };

class VerifyTally {
  public:
    /// `reason`: the one that was expected.
    void add(const DrawnPacket& packet, contract::reason reason, Compared compared);
    void add(const VerifyTally& other);

    [[nodiscard]] const VerifyCount& total() const { return total_; }
    /// Those that have packets.
    [[nodiscard]] std::vector<VerifyClass> classes() const;

  private:
    VerifyCount total_;
    std::array<VerifyCount, drawn_kinds> by_drawn_{};
    std::array<VerifyCount, 2> by_family_{};
    std::array<VerifyCount, 256> by_flags_{};
    std::array<VerifyCount, contract::REASON_COUNT> by_reason_{};
};

}  // namespace xdemux
