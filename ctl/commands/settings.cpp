// SPDX-License-Identifier: BSD-2-Clause
#include "commands/settings.h"

#include <memory>

#include <fmt/format.h>

#include <xdemux/ops/ephemeral.h>
#include <xdemux/ops/settings.h>

#include "commands/options.h"
#include "commands/session.h"

namespace xdemux {
namespace {

struct SetArguments {
    SettingsArguments settings;
    bool dry_run = false;
    bool force = false;
};

Status run_set(const SetArguments& arguments, Session& session) {
    const auto change = arguments.settings.change();
    if (!change) return fail(change.error());
    const auto confirm = arguments.settings.confirm_within();
    if (!confirm) return fail(confirm.error());
    if (change->empty())
        return fail(ErrorKind::usage, "no setting to change; use --monitor, --enforce, --closed, --host or --no-host");
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    const auto safeguard = safeguard_unless(arguments.force);
    if (!safeguard) return fail(safeguard.error());
    const SettingsRequest request{*change, *confirm, arguments.dry_run, *safeguard};
    if (auto changed = change_settings(*instance, request); !changed) return changed;
    if (*confirm && !arguments.dry_run)
        tell(fmt::format("it goes back in {} s unless \"xdemux confirm\" is run", (*confirm)->count()));
    // A change joins one that waits.
    if (const auto pending = pending_confirm(*instance); !*confirm && pending && !pending->over())
        tell(fmt::format("another change waits to be confirmed: both go back in {} s unless \"xdemux confirm\" is run",
                         std::chrono::ceil<std::chrono::seconds>(pending->left).count()));
    return {};
}

/// What to do with a change that waits: of an instance's settings, and of the host's ephemeral ports.
struct Settle {
    Status (*settings)(Instance& instance);
    Status (*ephemeral)();
};

/// Whether a change of the ephemeral ports waited, and has been settled.
Result<bool> settle_ephemeral(const Settle& settle, bool dry_run) {
    const auto pending = pending_ephemeral();
    if (!pending) return fail(pending.error());
    if (!*pending) return false;
    if (dry_run) return true;
    if (auto settled = settle.ephemeral(); !settled) return fail(settled.error());
    return true;
}

Status settle_settings(const Settle& settle, bool dry_run, Result<Instance>& instance) {
    if (!instance) return fail(instance.error());
    if (!dry_run) return settle.settings(*instance);
    const auto pending = pending_confirm(*instance);
    if (pending && !pending->over()) return {};
    return fail(ErrorKind::not_found, fmt::format("instance \"{}\" has nothing to confirm", instance->name()));
}

Status run_settle(const Settle& settle, bool dry_run, Session& session) {
    // Opened before anything is settled: most of what can fail does so here.
    auto instance = session.open_for_change();
    if (!instance && instance.error().kind() != ErrorKind::not_loaded) return fail(instance.error());
    const auto ephemeral = settle_ephemeral(settle, dry_run);
    if (!ephemeral) return fail(ephemeral.error());
    Status settings = settle_settings(settle, dry_run, instance);
    // One of the two suffices: where the ports waited, the settings need not, nor need there be an instance.
    const bool nothing_there = !settings && (settings.error().kind() == ErrorKind::not_found ||
                                             settings.error().kind() == ErrorKind::not_loaded);
    if (*ephemeral && nothing_there) return {};
    return settings;
}

void add_settle_command(Command root, Commands& commands, const char* name, const char* what, Settle settle) {
    auto dry_run = std::make_shared<bool>(false);
    Command command = root.add_command(name, what);
    add_dry_run(command, *dry_run);
    commands.add(command, [settle, dry_run](Session& session) { return run_settle(settle, *dry_run, session); });
}

}  // namespace

void add_settings_commands(Command root, Commands& commands) {
    auto arguments = std::make_shared<SetArguments>();
    Command set = root.add_command("set", "change the settings of the instance");
    add_settings_options(set, arguments->settings);
    set.add_flag("--host", arguments->settings.host, "ask the host's own sockets before an endpoint counts as closed")
        .excludes("--no-host");
    add_dry_run(set, arguments->dry_run);
    add_force(set, arguments->force);
    commands.add(set, [arguments](Session& session) { return run_set(*arguments, session); });

    add_settle_command(root, commands, "confirm", "keep what was changed with --confirm",
                       {confirm_settings, confirm_ephemeral});
    add_settle_command(root, commands, "rollback", "take back what was changed with --confirm",
                       {rollback_settings, rollback_ephemeral});
}

}  // namespace xdemux
