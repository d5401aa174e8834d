// SPDX-License-Identifier: BSD-2-Clause
#include "commands/xsk.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <xdemux/ops/settings.h>
#include <xdemux/ops/xsks.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/xsks.h"

namespace xdemux {
namespace {

constexpr std::uint64_t most_queue = 65'535;
constexpr std::uint64_t most_descriptor = 1'073'741'816;  // the kernel's own limit of fs.nr_open
constexpr std::uint64_t most_pid = 4'194'304;

struct XskArguments {
    std::string name;
    std::string dev;
    std::string queue;
    std::string fd;
    std::string pid;
    std::string fallback;
    bool force = false;
    bool dry_run = false;
};

Result<XskRegistration> registration_of(const XskArguments& arguments) {
    XskRegistration registration;
    registration.name = arguments.name;
    registration.dev = arguments.dev;
    registration.dry_run = arguments.dry_run;
    const auto queue = parse_number(arguments.queue, "--queue", 0, most_queue);
    if (!queue) return fail(queue.error());
    registration.queue = static_cast<std::uint32_t>(*queue);
    const auto fd = parse_number(arguments.fd, "--fd", 0, most_descriptor);
    if (!fd) return fail(fd.error());
    registration.fd = static_cast<int>(*fd);
    if (!arguments.pid.empty()) {
        const auto pid = parse_number(arguments.pid, "--pid", 1, most_pid);
        if (!pid) return fail(pid.error());
        registration.pid = static_cast<pid_t>(*pid);
    }
    if (!arguments.fallback.empty()) {
        const auto fallback = parse_fallback(arguments.fallback);
        if (!fallback) return fail(fallback.error());
        registration.fallback = *fallback;
    }
    return registration;
}

Status run_register(const XskArguments& arguments, Session& session) {
    const auto registration = registration_of(arguments);
    if (!registration) return fail(registration.error());
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    if (auto registered = register_xsk(*instance, *registration); !registered)
        return fail(registered.error().in(fmt::format("cannot register \"{}\"", arguments.name)));
    if (settings_in_force(*instance).mode == Mode::monitor)
        tell(fmt::format("instance \"{}\" only monitors: its packets are counted, and go to the stack",
                         instance->name()));
    return {};
}

Status run_unregister(const XskArguments& arguments, Session& session) {
    XskSelection selection;
    selection.name = arguments.name;
    selection.dev = arguments.dev;
    selection.in_use_too = arguments.force;
    selection.dry_run = arguments.dry_run;
    if (!arguments.queue.empty()) {
        const auto queue = parse_number(arguments.queue, "--queue", 0, most_queue);
        if (!queue) return fail(queue.error());
        selection.queue = static_cast<std::uint32_t>(*queue);
    }
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    const auto count = unregister_xsk(*instance, selection);
    return count ? Status() : Status(fail(count.error()));
}

Status run_list(Session& session) {
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto xsks = read_xsks(*instance);
    if (!xsks) return fail(xsks.error());
    if (session.json()) {
        print_xsks_json(*xsks, session.sink());
    } else {
        print_xsks_text(*xsks, session.sink());
    }
    return {};
}

void add_changes(Command object, Commands& commands) {
    auto given = std::make_shared<XskArguments>();
    Command add = object.add_command("register", "hand over an AF_XDP socket, for packets sent to xsk:NAME");
    add.add_option("NAME", given->name, "of the application, as listeners say it").required();
    add.add_option("--dev", given->dev, "the interface").required().type_name("DEV");
    add.add_option("--queue", given->queue, "its receive queue, to which the socket is bound")
        .required()
        .type_name("N");
    add.add_option("--fd", given->fd, "the socket's descriptor, of --pid, else one that this tool was started with")
        .required()
        .type_name("N");
    add.add_option("--pid", given->pid, "the process that has it open").type_name("PID");
    add.add_option("--fallback", given->fallback, "pass (the default), drop or reject, where it does not serve")
        .type_name("TARGET");
    add_dry_run(add, given->dry_run);
    commands.add(add, [given](Session& session) { return run_register(*given, session); });

    auto taken = std::make_shared<XskArguments>();
    Command remove = object.add_command("unregister", "steer no more packets there; the sockets stay open");
    remove.add_option("NAME", taken->name, "of the application").required();
    remove.add_option("--dev", taken->dev, "on this interface alone").type_name("DEV");
    remove.add_option("--queue", taken->queue, "of this receive queue alone").type_name("N");
    remove.add_flag("--force", taken->force, "also where listeners, flows or groups name it: their packets fall back");
    add_dry_run(remove, taken->dry_run);
    commands.add(remove, [taken](Session& session) { return run_unregister(*taken, session); });
}

}  // namespace

void add_xsk_commands(Command root, Commands& commands) {
    Command object = root.add_object("xsk", "AF_XDP applications, which share an interface by their ports");
    add_changes(object, commands);
    commands.add(object.add_command("list", "who serves which queues, and what went there"), run_list);
}

}  // namespace xdemux
