// SPDX-License-Identifier: BSD-2-Clause
#include "commands/socket.h"

#include <limits>
#include <memory>
#include <string>

#include <fmt/format.h>

#include <xdemux/ops/settings.h>
#include <xdemux/ops/sockets.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/sockets.h"

namespace xdemux {
namespace {

struct RegisterArguments {
    std::string name;
    std::string pid;
    std::string fd;
    bool listen_fds = false;
    bool dry_run = false;
};

struct UnregisterArguments {
    std::string name;
    bool dry_run = false;
};

Result<SocketSource> source_of(const RegisterArguments& arguments) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<int>::max());
    SocketSource source;
    if (arguments.listen_fds) return source;
    if (arguments.fd.empty())
        return fail(ErrorKind::usage, "no socket to register; name it by --pid P --fd N, --fd N, or --listen-fds");
    const auto fd = parse_number(arguments.fd, "--fd", 0, most);
    if (!fd) return fail(fd.error());
    source.fd = static_cast<int>(*fd);
    if (arguments.pid.empty()) return source;
    const auto pid = parse_number(arguments.pid, "--pid", 1, most);
    if (!pid) return fail(pid.error());
    source.pid = static_cast<pid_t>(*pid);
    return source;
}

Status run_register(const RegisterArguments& arguments, Session& session) {
    const auto source = source_of(arguments);
    if (!source) return fail(source.error());
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    if (auto done = register_socket(*instance, arguments.name, *source, arguments.dry_run); !done) return done;
    if (settings_in_force(*instance).mode == Mode::monitor)
        tell(fmt::format("instance \"{}\" only monitors: nothing is delivered to \"{}\" before xdemux set --enforce",
                         instance->name(), arguments.name));
    return {};
}

Status run_unregister(const UnregisterArguments& arguments, Session& session) {
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    return unregister_socket(*instance, arguments.name, arguments.dry_run);
}

Status run_list(Session& session) {
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto rows = socket_rows(*instance);
    if (!rows) return fail(rows.error());
    if (session.json()) {
        print_sockets_json(*rows, session.sink());
    } else {
        print_sockets_text(*rows, session.sink());
    }
    return {};
}

void add_register(Command object, Commands& commands) {
    auto arguments = std::make_shared<RegisterArguments>();
    Command command =
        object.add_command("register", "deliver to this socket what listeners send to socket:NAME, at once");
    command.add_option("NAME", arguments->name, "as in --to socket:NAME").required();
    Option pid = command.add_option("--pid", arguments->pid, "of the process that has it open").type_name("P");
    Option fd = command.add_option("--fd", arguments->fd, "its descriptor there; without --pid, of this command's own")
                    .type_name("N");
    pid.needs(fd);
    command
        .add_flag("--listen-fds", arguments->listen_fds,
                  "the one of this name that systemd passed (FileDescriptorName=), or the only one")
        .excludes(pid)
        .excludes(fd);
    add_dry_run(command, arguments->dry_run);
    commands.add(command, [arguments](Session& session) { return run_register(*arguments, session); });
}

void add_unregister(Command object, Commands& commands) {
    auto arguments = std::make_shared<UnregisterArguments>();
    Command command = object.add_command("unregister", "deliver no more; the socket itself goes on");
    command.add_option("NAME", arguments->name, "as it was registered").required();
    add_dry_run(command, arguments->dry_run);
    commands.add(command, [arguments](Session& session) { return run_unregister(*arguments, session); });
}

}  // namespace

void add_socket_commands(Command root, Commands& commands) {
    Command object = root.add_object("socket", "sockets that listeners deliver to, by name");
    add_register(object, commands);
    add_unregister(object, commands);
    commands.add(object.add_command("list", "who is registered, and what was delivered"), run_list);
}

}  // namespace xdemux
