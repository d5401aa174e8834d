// SPDX-License-Identifier: BSD-2-Clause
#include "commands/instance.h"

#include <memory>

#include <xdemux/ops/instance.h>
#include <xdemux/ops/snapshot.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/status.h"

namespace xdemux {
namespace {

Status run_status(Session& session) {
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto status = read_status(*instance);
    if (!status) return fail(status.error());
    if (session.json()) {
        print_status_json(*status, session.sink());
    } else {
        print_status_text(*status, session.sink());
    }
    return {};
}

Status run_unload(bool dry_run, Session& session) {
    if (!dry_run) return unload_instance(session.instance());
    const auto instance = Instance::open(session.instance());
    // One of another contract version can be unloaded too.
    if (instance || instance.error().kind() == ErrorKind::failed) return {};
    return fail(instance.error());
}

}  // namespace

void add_instance_commands(Command root, Commands& commands) {
    Command status = root.add_command("status", "settings, interfaces and memory of the instance");
    commands.add(status, run_status);

    auto dry_run = std::make_shared<bool>(false);
    Command unload = root.add_command("unload", "detach every interface and end the instance");
    add_dry_run(unload, *dry_run);
    commands.add(unload, [dry_run](Session& session) { return run_unload(*dry_run, session); });
}

}  // namespace xdemux
