// SPDX-License-Identifier: BSD-2-Clause
#include "commands/listener.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <xdemux/ops/attach.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/snapshot.h>
#include <xdemux/policy/batch.h>
#include <xdemux/policy/guard.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/listeners.h"

namespace xdemux {
namespace {

struct ListenerArguments {
    std::string proto;
    std::string endpoint;
    std::string target;
    std::string device;
    std::string name;
    std::vector<std::string> from;
    std::string from_file;
    std::optional<std::string> rate;
    std::optional<std::string> burst;
    std::string batch;
    bool v6only = false;
    bool reuseport = false;
    bool dry_run = false;
    bool force = false;
};

Result<Device> find_device(const std::string& name) {
    const auto interface = interface_by_name(name);
    if (!interface) return fail(interface.error());
    return Device{interface->ifindex, interface->name};
}

/// For what is to be deleted: a device that is gone is still known by the listeners that are bound to it.
Result<Device> find_bound_device(const std::string& name, const Session& session) {
    auto found = find_device(name);
    if (found || found.error().kind() != ErrorKind::not_found) return found;
    const auto instance = Instance::open(session.instance());
    if (!instance) return found;
    const auto rows = read_listener_rows(*instance);
    if (!rows) return found;
    for (const ListenerRow& row : *rows) {
        if (row.device_gone && row.listener.device->name == name) return *row.listener.device;
    }
    return found;
}

Result<Guard> guard_of(const ListenerArguments& arguments) {
    Guard guard;
    for (const auto& list : arguments.from) {
        if (auto parsed = parse_sources(list, guard.sources); !parsed) return fail(parsed.error());
    }
    if (!arguments.from_file.empty()) {
        const auto input = BatchInput::open(arguments.from_file);
        if (!input) return fail(input.error());
        if (auto read = read_sources(input->stream(), input->name(), guard.sources); !read) return fail(read.error());
    }
    sort_sources(guard.sources);
    const auto rate = parse_rate(arguments.rate, arguments.burst);
    if (!rate) return fail(rate.error());
    guard.rate = *rate;
    return guard;
}

Result<ListenerChange> change_of(const ListenerArguments& arguments, ListenerVerb verb, const ResolveDevice& resolve) {
    ListenerChange change{verb, {}, 0};
    Listener& listener = change.listener;
    const auto proto = parse_proto(arguments.proto);
    if (!proto) return fail(proto.error());
    listener.proto = *proto;
    const auto local = LocalEndpoint::parse(arguments.endpoint, *proto);
    if (!local) return fail(local.error());
    listener.local = *local;
    if (!arguments.target.empty()) {
        const auto target = Target::parse(arguments.target);
        if (!target) return fail(target.error());
        listener.target = *target;
    }
    listener.v6only = arguments.v6only;
    listener.reuseport = arguments.reuseport;
    listener.name = arguments.name;
    auto guard = guard_of(arguments);
    if (!guard) return fail(guard.error());
    listener.guard = std::move(*guard);
    if (const auto valid = listener.validate(); !valid) return fail(valid.error());
    if (!arguments.device.empty()) {
        const auto device = resolve(arguments.device);
        if (!device) return fail(device.error());
        listener.device = *device;
    }
    return change;
}

struct Changes {
    std::vector<ListenerChange> changes;
    std::string source;
};

Result<Changes> read_batch(const std::string& path, ListenerVerb verb, const ResolveDevice& resolve) {
    const auto input = BatchInput::open(path);
    if (!input) return fail(input.error());
    const BatchVerb batch_verb = verb == ListenerVerb::remove ? BatchVerb::del : BatchVerb::add;
    auto lines = parse_listener_batch(input->stream(), input->name(), batch_verb, resolve);
    if (!lines) return fail(lines.error());
    Changes changes{{}, input->name()};
    changes.changes.reserve(lines->size());
    for (ListenerLine& line : *lines)
        changes.changes.push_back({verb, std::move(line.listener), line.line});
    return changes;
}

Result<Changes> read_changes(const ListenerArguments& arguments, ListenerVerb verb, const Session& session) {
    const ResolveDevice resolve = [&](const std::string& name) {
        return verb == ListenerVerb::remove ? find_bound_device(name, session) : find_device(name);
    };
    if (!arguments.batch.empty()) return read_batch(arguments.batch, verb, resolve);
    if (arguments.endpoint.empty()) return fail(ErrorKind::usage, "PROTO ENDPOINT or --batch FILE is missing");
    auto change = change_of(arguments, verb, resolve);
    if (!change) return fail(change.error());
    return Changes{{std::move(*change)}, ""};
}

Status run_change(const ListenerArguments& arguments, ListenerVerb verb, Session& session) {
    const auto changes = read_changes(arguments, verb, session);
    if (!changes) return fail(changes.error());
    auto instance = verb == ListenerVerb::remove ? session.open_for_change() : session.open_or_create();
    if (!instance) return fail(instance.error());
    auto safeguard = safeguard_unless(arguments.force);
    if (!safeguard) return fail(std::move(safeguard.error()));
    return change_listeners(*instance, changes->changes, {changes->source, arguments.dry_run, std::move(*safeguard)});
}

Status run_list(const FilterArguments& arguments, Session& session) {
    const auto filter = arguments.filter();
    if (!filter) return fail(filter.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    auto rows = read_listener_rows(*instance);
    if (!rows) return fail(rows.error());
    std::erase_if(*rows, [&](const ListenerRow& row) {
        const Listener& listener = row.listener;
        return !filter->matches(
            {listener.proto, listener.local.family(), SocketState::listening, listener.local, std::nullopt});
    });
    if (session.json()) {
        print_listeners_json(*rows, session.sink());
    } else {
        print_listeners_text(*rows, arguments.names(), session.sink());
    }
    return {};
}

/// Of `add` and `replace`.
void add_guard_options(Command command, ListenerArguments& arguments, std::vector<Option>& of_one) {
    Option from = command.add_option("--from", arguments.from, "only these sources; may be given more than once");
    from.type_name("PREFIX,...").one_value_each();
    of_one.push_back(from);
    of_one.push_back(
        command.add_option("--from-file", arguments.from_file, "more sources, one a line; \"-\" is standard input")
            .type_name("FILE"));
    of_one.push_back(
        command.add_option("--rate", arguments.rate, "packets per second of each source address").type_name("N"));
    of_one.push_back(
        command.add_option("--burst", arguments.burst, "packets that may come at once; as --rate unless given")
            .type_name("N"));
}

void add_change_command(Command object, Commands& commands, const char* name, const char* what, ListenerVerb verb) {
    auto arguments = std::make_shared<ListenerArguments>();
    Command command = object.add_command(name, what);
    std::vector<Option> of_one = {
        command.add_option("PROTO", arguments->proto, "tcp or udp"),
        command.add_option("ENDPOINT", arguments->endpoint,
                           "ADDR:PORT, ADDR/LEN:PORT, *:PORT, ADDR:PORT-PORT or ADDR:*"),
        command.add_option("--dev", arguments->device, "only packets that come in there").type_name("DEV"),
        command.add_flag("--v6only", arguments->v6only, "IPv6 alone, of [::]:PORT"),
        command.add_option("--name", arguments->name, "what to call it").type_name("NAME"),
    };
    if (verb != ListenerVerb::remove) {
        of_one.push_back(command.add_option("--to", arguments->target, target_forms).type_name("TARGET"));
        of_one.push_back(command.add_flag("--reuseport", arguments->reuseport, "others may share the endpoint"));
        add_guard_options(command, *arguments, of_one);
    }
    Option batch = command.add_option("--batch", arguments->batch, "one a line, all or none; \"-\" is standard input");
    batch.type_name("FILE");
    for (Option option : of_one)
        batch.excludes(option);
    add_dry_run(command, arguments->dry_run);
    add_force(command, arguments->force);
    commands.add(command, [arguments, verb](Session& session) { return run_change(*arguments, verb, session); });
}

}  // namespace

void add_listener_commands(Command root, Commands& commands) {
    Command object = root.add_object("listener", "local endpoints and where their packets go");
    add_change_command(object, commands, "add", "add a listener", ListenerVerb::add);
    add_change_command(object, commands, "del", "delete a listener", ListenerVerb::remove);
    add_change_command(object, commands, "replace", "add a listener, in place of the one there may be",
                       ListenerVerb::replace);

    auto arguments = std::make_shared<FilterArguments>();
    Command list = object.add_command("list", "the listeners and what they got");
    add_filter_options(list, *arguments);
    commands.add(list, [arguments](Session& session) { return run_list(*arguments, session); });
}

}  // namespace xdemux
