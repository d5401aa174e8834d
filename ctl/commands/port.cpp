// SPDX-License-Identifier: BSD-2-Clause
#include "commands/port.h"

#include <memory>
#include <string>

#include <xdemux/ops/snapshot.h>
#include <xdemux/policy/service.h>

#include "commands/session.h"
#include "render/port.h"

namespace xdemux {
namespace {

/// By TCP's services, and by UDP's where TCP has no such name.
Result<std::uint16_t> find_port(const std::string& text) {
    const auto tcp = parse_port(text, Proto::tcp);
    if (tcp) return tcp;
    const auto udp = parse_port(text, Proto::udp);
    return udp ? udp : tcp;
}

Status run_show(const std::string& text, Session& session) {
    const auto port = find_port(text);
    if (!port) return fail(port.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto info = read_port(*instance, *port);
    if (!info) return fail(info.error());
    const PortNames names = PortNames::system();
    if (session.json()) {
        print_port_json(*info, names, session.sink());
    } else {
        print_port_text(*info, names, session.sink());
    }
    return {};
}

}  // namespace

void add_port_commands(Command root, Commands& commands) {
    Command object = root.add_object("port", "one port number");
    auto text = std::make_shared<std::string>();
    Command show = object.add_command("show", "range, privilege, service, who listens, counters");
    show.add_option("PORT", *text, "a number or a service name").required();
    commands.add(show, [text](Session& session) { return run_show(*text, session); });
}

}  // namespace xdemux
