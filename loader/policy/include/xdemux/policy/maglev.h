// SPDX-License-Identifier: BSD-2-Clause
// The look-up table of Maglev consistent hashing (Eisenbud et al., NSDI 2016, section 3.4), with weights. Pure: the
// same members give the same table, in whatever order they come and on whatever host.
//
// Members take places in turns, each the first free one of its own permutation. Where the paper's members take turns
// one after the other, here a member's nth turn is at the time (n + 1/2) / weight: every member has its share of the
// turns at any time, to half a turn, and who leaves does not change the order of the others.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace xdemux {

inline constexpr std::uint32_t maglev_places = 65'537;  ///< prime, as the permutations want it

struct MaglevMember {
    std::string_view identity;  ///< no two are the same
    std::uint32_t weight = 1;   ///< 0: it gets no place; max_maglev_weight at most
};

inline constexpr std::uint32_t max_maglev_weight = 65'535;

/// By place the index of the member that has it. Empty where no member has a weight. The shares are those of the
/// weights to one place: within 1 % of each from a share of 100 places on, which 655 equal members still have.
using MaglevTable = std::vector<std::uint16_t>;
MaglevTable maglev_table(std::span<const MaglevMember> members);

}  // namespace xdemux
