// SPDX-License-Identifier: BSD-2-Clause
#include "commands/target.h"

#include <xdemux/ops/targets.h>

#include "commands/command_line.h"
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

void add_target_commands(CLI::App& root, Commands& commands) {
    CLI::App* object = root.add_subcommand("target", "where packets are steered to");
    object->require_subcommand(0, 1);
    commands.add(object->add_subcommand("list",
                                        "CPUs, devices, groups, AF_XDP applications and sockets: whether they "
                                        "can act, and their packets"),
                 run_list);
}

}  // namespace xdemux
