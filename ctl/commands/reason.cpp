// SPDX-License-Identifier: BSD-2-Clause
#include "commands/reason.h"

#include <xdemux/ops/snapshot.h>

#include "commands/session.h"
#include "render/counters.h"

namespace xdemux {
namespace {

Status run_list(Session& session) {
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto rows = read_reasons(*instance);
    if (!rows) return fail(rows.error());
    if (session.json()) {
        print_reasons_json(*rows, session.sink());
    } else {
        print_reasons_text(*rows, session.sink());
    }
    return {};
}

}  // namespace

void add_reason_commands(Command root, Commands& commands) {
    Command object = root.add_object("reason", "why packets went where they went");
    commands.add(object.add_command("list", "packets and bytes by reason and verdict"), run_list);
}

}  // namespace xdemux
