// SPDX-License-Identifier: BSD-2-Clause
// The targets of an instance by their numbers, under which listeners, flows and groups name them. A value: it writes no
// map, and does not know who names what.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include <xdemux/base/error.h>
#include <xdemux/policy/target.h>

namespace xdemux {

/// Whether they are one: a dev by its ifindex, a group, xsk or socket by its name.
bool is_same_target(const Target& a, const Target& b);

class TargetTable {
  public:
    using Targets = std::map<std::uint32_t, Target>;

    static constexpr std::uint32_t first_number = 16;
    static constexpr std::uint32_t end_number = 4096;

    /// The number of a target that is_simple(): the contract's.
    static std::uint32_t number_of(TargetKind simple);

    /// ErrorKind::failed where there is none.
    [[nodiscard]] Result<Target> find(std::uint32_t number) const;
    /// Of the same target: see is_same_target().
    [[nodiscard]] std::optional<std::uint32_t> number_of(const Target& target) const;
    /// As number_of(), but a new one gets the smallest free number. ErrorKind::in_use where the name is there with
    /// another fallback; `full`.
    Result<std::uint32_t> add(const Target& target);
    /// As it was read back from the tables.
    void restore(std::uint32_t number, Target target) { targets_.insert_or_assign(number, std::move(target)); }
    void erase(std::uint32_t number) { targets_.erase(number); }

    /// Those that are not simple, by number.
    [[nodiscard]] const Targets& targets() const { return targets_; }

  private:
    Targets targets_;
};

}  // namespace xdemux
