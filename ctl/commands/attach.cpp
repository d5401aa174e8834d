// SPDX-License-Identifier: BSD-2-Clause
#include "commands/attach.h"

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <xdemux/ops/attach.h>
#include <xdemux/ops/locals.h>

#include "commands/options.h"
#include "commands/session.h"

namespace xdemux {
namespace {

struct AttachArguments {
    std::vector<std::string> devices;
    std::string mode = "auto";
    std::string flows;
    std::string listeners;
    SettingsArguments settings;
    bool dry_run = false;
    bool force = false;
};

/// How many entries a table is to hold; nothing where the option was not given.
Result<std::optional<std::uint32_t>> capacity_of(const std::string& text, const char* option, std::uint32_t most) {
    if (text.empty()) return std::nullopt;
    const auto number = parse_number(text, option, 1, most);
    if (!number) return fail(number.error());
    return static_cast<std::uint32_t>(*number);
}

Result<AttachRequest> request_of(const AttachArguments& arguments, const Session& session) {
    AttachRequest request;
    request.devices = arguments.devices;
    request.dry_run = arguments.dry_run;
    request.verifier_log = session.verifier_log();
    auto safeguard = safeguard_unless(arguments.force);
    if (!safeguard) return fail(std::move(safeguard.error()));
    request.safeguard = std::move(*safeguard);
    const auto mode = parse_attach_mode(arguments.mode);
    if (!mode) return fail(mode.error());
    request.mode = *mode;
    const auto change = arguments.settings.change();
    if (!change) return fail(change.error());
    request.settings = *change;
    const auto confirm = arguments.settings.confirm_within();
    if (!confirm) return fail(confirm.error());
    request.confirm = *confirm;
    const auto flows = capacity_of(arguments.flows, "--flows", most_flows);
    if (!flows) return fail(flows.error());
    request.flows = *flows;
    const auto listeners = capacity_of(arguments.listeners, "--listeners", most_listeners);
    if (!listeners) return fail(listeners.error());
    request.listeners = *listeners;
    return request;
}

void tell_report(const AttachReport& report, const AttachRequest& request, const Session& session) {
    for (const AttachedInterface& interface : report.interfaces)
        tell(fmt::format("{} {} in {} mode", interface.dev, request.dry_run ? "can be attached" : "is attached",
                         xdp_attachment_name(interface.xdp_mode)));
    tell(fmt::format("the tables of instance \"{}\" take {} bytes", session.instance(), report.memory_bytes));
    if (request.confirm && report.created && !request.dry_run)
        tell(fmt::format("it only monitors in {} s unless \"xdemux confirm\" is run", request.confirm->count()));
}

Status run_attach(const AttachArguments& arguments, Session& session) {
    const auto request = request_of(arguments, session);
    if (!request) return fail(request.error());
    if (!request->dry_run) refresh_locals_if_possible(session.instance());
    const auto report = attach(session.instance(), *request);
    if (!report) return fail(report.error());
    tell_report(*report, *request, session);
    return {};
}

struct DetachArguments {
    std::vector<std::string> devices;
    bool all = false;
    bool dry_run = false;
};

Status run_detach(const DetachArguments& arguments, Session& session) {
    if (arguments.devices.empty() && !arguments.all)
        return fail(ErrorKind::usage, "no interface to detach; name one, or use --all");
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    if (arguments.all) return detach_all(*instance, arguments.dry_run);
    return detach(*instance, arguments.devices, arguments.dry_run);
}

}  // namespace

void add_attach_commands(Command root, Commands& commands) {
    auto attach_arguments = std::make_shared<AttachArguments>();
    Command attach_command = root.add_command("attach", "put the program on interfaces; begins the instance");
    attach_command.add_option("DEV", attach_arguments->devices, "interfaces").required();
    attach_command.add_option("--mode", attach_arguments->mode, "auto, native or generic").type_name("MODE");
    add_settings_options(attach_command, attach_arguments->settings);
    attach_command.add_option("--flows", attach_arguments->flows, "how many flows a new instance has room for")
        .type_name("N");
    attach_command
        .add_option("--listeners", attach_arguments->listeners, "how many listeners a new instance has room for")
        .type_name("N");
    add_dry_run(attach_command, attach_arguments->dry_run);
    add_force(attach_command, attach_arguments->force);
    commands.add(attach_command,
                 [attach_arguments](Session& session) { return run_attach(*attach_arguments, session); });

    auto detach_arguments = std::make_shared<DetachArguments>();
    Command detach_command = root.add_command("detach", "take the program off interfaces; the instance stays");
    Option devices = detach_command.add_option("DEV", detach_arguments->devices, "interfaces");
    detach_command.add_flag("--all", detach_arguments->all, "every interface of the instance").excludes(devices);
    add_dry_run(detach_command, detach_arguments->dry_run);
    commands.add(detach_command,
                 [detach_arguments](Session& session) { return run_detach(*detach_arguments, session); });
}

}  // namespace xdemux
