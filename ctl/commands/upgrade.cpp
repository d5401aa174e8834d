// SPDX-License-Identifier: BSD-2-Clause
#include "commands/upgrade.h"

#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <xdemux/ops/upgrade.h>

#include "commands/options.h"
#include "commands/session.h"

namespace xdemux {
namespace {

/// "the program of eth0, eth1"
std::string describe_programs(const UpgradeReport& report) {
    if (report.interfaces.empty()) return "the program, which is on no interface";
    return fmt::format("the program of {}", fmt::join(report.interfaces, ", "));
}

/// "from contract version 4 to 5"
std::string describe_versions(const UpgradeReport& report) {
    return fmt::format("from contract version {} to {}", report.from, report.to);
}

void tell_plan(const UpgradeReport& report, const std::string& instance) {
    if (report.was_begun) {
        tell(fmt::format("it would finish the upgrade of instance \"{}\" {}", instance, describe_versions(report)));
    } else if (report.from != report.to) {
        tell(fmt::format("it would bring the tables of instance \"{}\" {}", instance, describe_versions(report)));
    }
    tell(fmt::format("it would replace {}", describe_programs(report)));
}

Status run_upgrade(bool dry_run, Session& session) {
    const auto report = upgrade(session.instance(), {dry_run, session.verifier_log()});
    if (!report) return fail(report.error());
    if (dry_run) {
        tell_plan(*report, session.instance());
    } else if (report->from != report->to) {
        tell(fmt::format("the tables of instance \"{}\" went {}", session.instance(), describe_versions(*report)));
    }
    return {};
}

}  // namespace

void add_upgrade_command(Command root, Commands& commands) {
    auto dry_run = std::make_shared<bool>(false);
    Command command = root.add_command("upgrade", "replace the program by this tool's, and keep all tables");
    add_dry_run(command, *dry_run);
    commands.add(command, [dry_run](Session& session) { return run_upgrade(*dry_run, session); });
}

}  // namespace xdemux
