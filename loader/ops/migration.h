// SPDX-License-Identifier: BSD-2-Clause
// How tables of one contract version become those of the next: a row of steps, and what an instance's settings say of
// where it stands in them. When which part of a step is done is upgrade()'s.
//
//     version N in the settings           begin: what N+1 looks for is added beside what N has
//     mark of both, by replacing the      no tool takes the tables for its own from here on
//       programs through the links        finish: what only N looked for goes
//     version N+1, by replacing the       done
//       programs once more
//
// So each packet's program finds what it looks for, and whoever comes after a killed one knows how far it came: with
// version N it begins anew, with the mark it finishes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>

namespace xdemux {

/// The number in the settings: a contract version, or that an upgrade is under way.
struct ContractMark {
    std::uint32_t from = 0;  ///< what the tables were
    std::uint32_t to = 0;    ///< what they will be; as `from` where no upgrade is under way

    static ContractMark of(std::uint32_t number);
    [[nodiscard]] std::uint32_t number() const;
    [[nodiscard]] bool is_settled() const { return from == to; }
};

/// From a version to the one after it. Each part may be done twice: whoever did it may have been killed.
struct MigrationStep {
    std::uint32_t from;
    /// Adds what the next version looks for. What an earlier try left is taken away first.
    Status (*begin)(Instance& instance);
    /// Takes that away again.
    Status (*undo)(Instance& instance);
    /// Takes away what only `from` looked for. No packet is in a program of that version any more.
    Status (*finish)(Instance& instance);
};

/// The steps that lead from a version to ours, in their order; none where it cannot be reached.
std::span<const MigrationStep> steps_from(std::uint32_t version);

/// Whether upgrade() makes such tables ours.
bool can_migrate(const ContractMark& mark);
/// What to do where it does not.
std::string other_remedy(const ContractMark& mark);

}  // namespace xdemux
