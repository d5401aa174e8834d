// SPDX-License-Identifier: BSD-2-Clause
#include <span>
#include <utility>

#include <fmt/format.h>

#include <xdemux/kernel/grace.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/locals.h>
#include <xdemux/ops/upgrade.h>

#include "migration.h"

namespace xdemux {
namespace {

Status replace_programs(Instance& instance, std::uint32_t number) {
    contract::settings settings = instance.settings();
    settings.contract = number;
    return instance.replace_program(settings);
}

/// The last one first. The first failure of all; each was tried. Packets may be in a program whose links went back.
Status undo(Instance& instance, std::span<const MigrationStep> steps) {
    wait_for_packets_under_way();
    Status undone;
    for (; !steps.empty(); steps = steps.first(steps.size() - 1)) {
        auto done = steps.back().undo(instance);
        if (undone) undone = std::move(done);
    }
    return undone;
}

/// Up to the mark: from there on, packets find what our version looks for.
Status begin(Instance& instance, std::span<const MigrationStep> steps, const ContractMark& mark) {
    wait_for_packets_under_way();  // as in undo(): of a killed one
    Status begun;
    for (const MigrationStep& step : steps) {
        if (begun) begun = step.begin(instance);
    }
    if (begun) begun = replace_programs(instance, mark.number());
    if (begun) return begun;
    const Status undone = undo(instance, steps);
    return undone ? begun : Status(fail(begun.error().with_remedy(undone.error().message())));
}

Status finish(Instance& instance, std::span<const MigrationStep> steps) {
    wait_for_packets_under_way();
    for (const MigrationStep& step : steps) {
        if (auto done = step.finish(instance); !done) return done;
    }
    return replace_programs(instance, contract::CONTRACT_VERSION);
}

/// Whoever has the tables open meanwhile would go on writing them as their former version says.
Status migrate(Instance& instance, const ContractMark& mark) {
    if (auto alone = instance.tables().flows.write_alone(); !alone) return alone;
    const auto steps = steps_from(mark.from);
    if (mark.is_settled()) {
        if (auto begun = begin(instance, steps, {mark.from, contract::CONTRACT_VERSION}); !begun) return begun;
    }
    auto finished = finish(instance, steps);
    return finished ? finished : Status(fail(finished.error().with_remedy("run xdemux upgrade again to finish it")));
}

Result<UpgradeReport> report_on(const Instance& instance, const ContractMark& mark) {
    UpgradeReport report{mark.from, contract::CONTRACT_VERSION, !mark.is_settled()};
    const auto attached = attached_interfaces(instance);
    if (!attached) return fail(attached.error());
    for (const AttachedInterface& each : *attached) {
        const bool here = each.state == InterfaceState::attached;
        if (each.state != InterfaceState::gone)
            report.interfaces.push_back(here ? each.dev : fmt::format("interface {}", each.ifindex));
    }
    return report;
}

Status check_possible(const Instance& instance, bool migrates) {
    return migrates ? instance.tables().flows.check_alone() : Status();
}

}  // namespace

Result<UpgradeReport> upgrade(std::string_view name, const UpgradeRequest& request) {
    auto instance = Instance::open_for_upgrade(name, request.verifier_log);
    if (!instance) return fail(std::move(instance.error()));
    const ContractMark mark = ContractMark::of(instance->settings().contract);
    const bool migrates = !mark.is_settled() || mark.from != contract::CONTRACT_VERSION;
    auto report = report_on(*instance, mark);
    if (!report) return fail(std::move(report.error()));
    Status done;
    if (request.dry_run) {
        done = check_possible(*instance, migrates);
    } else {
        done = migrates ? migrate(*instance, mark) : replace_programs(*instance, contract::CONTRACT_VERSION);
    }
    if (done) {
        // The upgrade is made. Devices and routes may have changed while no tool took the tables for its own.
        if (!request.dry_run) (void)refresh_locals(*instance);
        return report;
    }
    return fail(done.error().in(fmt::format("cannot upgrade instance \"{}\"", instance->name())));
}

}  // namespace xdemux
