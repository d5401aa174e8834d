// SPDX-License-Identifier: BSD-2-Clause
#include "migration.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <xdemux/contract.h>
#include <xdemux/ops/locals.h>

namespace xdemux {
namespace {

// A number that no version has: the upper bit, and both versions below it.
constexpr std::uint32_t under_way = 0x8000'0000;
constexpr std::uint32_t version_bits = 12;
constexpr std::uint32_t version_mask = (1U << version_bits) - 1;

// Contract 5: no flow has tag 1 any more. Everything else is as before.
Status begin_from_4(Instance& instance) {
    const FlowTable& flows = instance.tables().flows;
    auto cleared = flows.drop_copies();
    return cleared ? flows.copy_from_tag_1() : cleared;
}

Status undo_from_4(Instance& instance) {
    return instance.tables().flows.drop_copies();
}

Status finish_from_4(Instance& instance) {
    return instance.tables().flows.drop_tag_1();
}

// Contract 6: closed ports are judged only in frames to an Ethernet address that local_routes has. Programs of contract
// 5 never look for one; its tool would take the keys for prefixes. No table has to be converted: what `fragments` and
// `forwarding` hold is of the moment, and in its new layout says of itself that its time is over.
Status begin_from_5(Instance& instance) {
    return refresh_locals(instance);
}

Status undo_from_5(Instance& instance) {
    return forget_links(instance.tables());
}

Status no_step(Instance&) {
    return {};
}

// Contract 7: local_hot has an epoch, in bytes that were zero. Programs of contract 6 do not look at it; its tool would
// not raise it.

/// Without a gap, up to our version. What came before 4 was never given out with an upgrade, and has other layouts.
constexpr std::array steps{
    MigrationStep{4, begin_from_4, undo_from_4, finish_from_4},
    MigrationStep{5, begin_from_5, undo_from_5, no_step},
    MigrationStep{6, no_step, no_step, no_step},
};
static_assert(steps.back().from + 1 == contract::CONTRACT_VERSION);

}  // namespace

ContractMark ContractMark::of(std::uint32_t number) {
    if ((number & under_way) == 0) return {number, number};
    return {number & version_mask, number >> version_bits & version_mask};
}

std::uint32_t ContractMark::number() const {
    return is_settled() ? from : under_way | to << version_bits | from;
}

std::span<const MigrationStep> steps_from(std::uint32_t version) {
    const auto first = std::ranges::find(steps, version, &MigrationStep::from);
    return {first, steps.end()};
}

bool can_migrate(const ContractMark& mark) {
    return !steps_from(mark.from).empty() && (mark.is_settled() || mark.to == contract::CONTRACT_VERSION);
}

std::string other_remedy(const ContractMark& mark) {
    if (mark.to > contract::CONTRACT_VERSION) return "use a newer xdemux, or run xdemux unload and attach anew";
    if (!mark.is_settled())
        return fmt::format("finish it with the xdemux of contract version {}, or run xdemux unload and attach anew",
                           mark.to);
    return "no upgrade leads from there; run xdemux unload, and attach anew";
}

}  // namespace xdemux
