// SPDX-License-Identifier: BSD-2-Clause
#include "commands/doctor.h"

#include <algorithm>
#include <memory>
#include <string>

#include <fmt/format.h>

#include <xdemux/ops/doctor.h>

#include "commands/command_line.h"
#include "render/findings.h"

namespace xdemux {
namespace {

Status run_doctor(const std::string& device, Session& session) {
    const auto findings = diagnose(session.instance(), device.empty() ? std::nullopt : std::optional(device));
    if (!findings) return fail(findings.error());
    if (session.json()) {
        print_findings_json(*findings, session.sink());
    } else {
        print_findings_text(*findings, session.sink());
    }
    const auto blockers = std::ranges::count(*findings, Severity::blocker, &Finding::severity);
    if (blockers == 0) return {};
    return fail(ErrorKind::failed,
                fmt::format("{} finding{} in the way; each has its remedy beside it, where there is one", blockers,
                            blockers == 1 ? " is" : "s are"));
}

}  // namespace

void add_doctor_command(CLI::App& root, Commands& commands) {
    auto device = std::make_shared<std::string>();
    CLI::App* command =
        root.add_subcommand("doctor", "what this kernel, driver and host allow, each finding with its remedy");
    command->add_option("DEV", *device, "an interface; those that are attached, or have an address, unless given");
    commands.add(command, [device](Session& session) { return run_doctor(*device, session); });
}

}  // namespace xdemux
