// SPDX-License-Identifier: BSD-2-Clause
#include "commands/target.h"

#include <xdemux/ops/targets.h>

#include "commands/session.h"
#include "render/targets.h"

namespace xdemux {
namespace {

Status run_list(Session& session) {
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto rows = target_rows(*instance);
    if (!rows) return fail(rows.error());
    if (session.json()) {
        print_targets_json(*rows, session.sink());
    } else {
        print_targets_text(*rows, session.sink());
    }
    return {};
}

}  // namespace

void add_target_commands(Command root, Commands& commands) {
    Command object = root.add_object("target", "where packets are steered to");
    commands.add(object.add_command("list",
                                    "CPUs, devices, groups, AF_XDP applications and sockets: whether they "
                                    "can act, and their packets"),
                 run_list);
}

}  // namespace xdemux
