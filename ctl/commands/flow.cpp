// SPDX-License-Identifier: BSD-2-Clause
#include "commands/flow.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <xdemux/ops/flows.h>
#include <xdemux/ops/moment.h>
#include <xdemux/ops/snapshot.h>
#include <xdemux/policy/batch.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/flows.h"

namespace xdemux {
namespace {

struct FlowArguments {
    std::string proto;
    std::string local;
    std::string remote;
    std::string target;
    std::string batch;
    bool dry_run = false;
    bool force = false;
};

struct Lines {
    std::vector<FlowLine> lines;
    std::string source;
};

Result<Lines> read_lines(const FlowArguments& arguments, BatchVerb verb) {
    if (!arguments.batch.empty()) {
        const auto input = BatchInput::open(arguments.batch);
        if (!input) return fail(input.error());
        auto lines = parse_flow_batch(input->stream(), input->name(), verb);
        if (!lines) return fail(lines.error());
        return Lines{std::move(*lines), input->name()};
    }
    if (arguments.remote.empty()) return fail(ErrorKind::usage, "PROTO LOCAL REMOTE or --batch FILE is missing");
    const auto key = FlowKey::parse(arguments.proto, arguments.local, arguments.remote);
    if (!key) return fail(key.error());
    const auto target = arguments.target.empty() ? Result<Target>(Target{}) : Target::parse(arguments.target);
    if (!target) return fail(target.error());
    return Lines{{{0, *key, *target}}, ""};
}

Status run_change(const FlowArguments& arguments, BatchVerb verb, Session& session) {
    const auto lines = read_lines(arguments, verb);
    if (!lines) return fail(lines.error());
    auto instance = verb == BatchVerb::add ? session.open_or_create() : session.open_for_change();
    if (!instance) return fail(instance.error());
    auto safeguard = safeguard_unless(arguments.force);
    if (!safeguard) return fail(std::move(safeguard.error()));
    ProgressBar bar(verb == BatchVerb::add ? "adding flows" : "deleting flows");
    FlowOptions options{.source = lines->source,
                        .dry_run = arguments.dry_run,
                        .progress = {},
                        .safeguard = std::move(*safeguard),
                        .leases = arguments.force};
    if (!lines->source.empty()) options.progress = [&](std::size_t done, std::size_t total) { bar.show(done, total); };
    return verb == BatchVerb::add ? add_flows(*instance, lines->lines, options)
                                  : delete_flows(*instance, lines->lines, options);
}

/// As a filter sees it.
Row row_of(const Flow& flow) {
    const SocketAddress& local = flow.key.local;
    const Family family = local.address.family();
    const LocalEndpoint endpoint{LocalForm::exact, {local.address, address_bits(family)}, PortRange::one(local.port)};
    const SocketState state =
        flow.state == endpoint_state_name(EndpointState::time_wait) ? SocketState::time_wait : SocketState::established;
    return {flow.key.proto, family, state, endpoint, flow.key.remote};
}

Status run_list(const FilterArguments& arguments, Session& session) {
    const auto filter = arguments.filter();
    if (!filter) return fail(filter.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const PortNames names = arguments.names();
    const Sink sink = session.sink();
    std::unique_ptr<FlowPrinter> printer;
    if (session.json()) {
        printer = std::make_unique<FlowJson>(sink);
    } else {
        printer = std::make_unique<FlowText>(names, data_path_now(), sink);
    }
    const auto walked = for_each_flow(*instance, [&](const Flow& flow) {
        if (filter->empty() || filter->matches(row_of(flow))) printer->add(flow);
        return true;
    });
    if (!walked) return walked;
    printer->end();
    return {};
}

struct FlushArguments {
    bool leases = false;
    bool dry_run = false;
    bool force = false;
};

Status run_flush(const FlushArguments& arguments, Session& session) {
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    auto safeguard = safeguard_unless(arguments.force);
    if (!safeguard) return fail(std::move(safeguard.error()));
    const FlowOptions options{.source = {},
                              .dry_run = arguments.dry_run,
                              .progress = {},
                              .safeguard = std::move(*safeguard),
                              .leases = arguments.leases};
    const auto flushed = flush_flows(*instance, options);
    if (!flushed) return fail(flushed.error());
    tell(fmt::format("flows {}: {}", arguments.dry_run ? "that would be deleted" : "deleted", flushed->erased));
    if (flushed->leases_kept != 0)
        tell(fmt::format("leases kept: {}; use --leases to delete them too", flushed->leases_kept));
    return {};
}

struct ExpireArguments {
    std::string tcp;
    std::string udp;
    std::string time_wait;
    bool dry_run = false;
    bool force = false;
};

/// Leaves `limit` where the user said nothing.
Status read_limit(const std::string& text, std::string_view option, std::chrono::seconds& limit) {
    constexpr std::uint64_t a_year = 31'536'000;
    if (text.empty()) return {};
    const auto seconds = parse_number(text, option, 0, a_year);
    if (!seconds) return fail(seconds.error());
    limit = std::chrono::seconds(*seconds);
    return {};
}

Status run_expire(const ExpireArguments& arguments, Session& session) {
    IdleLimits limits;
    if (auto read = read_limit(arguments.tcp, "--tcp", limits.tcp); !read) return read;
    if (auto read = read_limit(arguments.udp, "--udp", limits.udp); !read) return read;
    if (auto read = read_limit(arguments.time_wait, "--time-wait", limits.time_wait); !read) return read;
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    const auto safeguard = safeguard_unless(arguments.force);
    if (!safeguard) return fail(safeguard.error());
    const auto expired = expire_flows(*instance, limits, arguments.dry_run, *safeguard);
    if (!expired) return fail(expired.error());
    tell(fmt::format("flows {}: {}", arguments.dry_run ? "that would be deleted" : "deleted", *expired));
    return {};
}

void add_expire_command(Command object, Commands& commands) {
    auto arguments = std::make_shared<ExpireArguments>();
    Command expire = object.add_command("expire", "delete the flows that have been idle for long");
    expire.add_option("--tcp", arguments->tcp, "seconds, 0: for ever; 7440 unless given").type_name("SECONDS");
    expire.add_option("--udp", arguments->udp, "seconds, 0: for ever; 300 unless given").type_name("SECONDS");
    expire.add_option("--time-wait", arguments->time_wait, "of those in TIME-WAIT or QUARANTINE; 60 unless given")
        .type_name("SECONDS");
    add_dry_run(expire, arguments->dry_run);
    add_force(expire, arguments->force);
    commands.add(expire, [arguments](Session& session) { return run_expire(*arguments, session); });
}

void add_change_command(Command object, Commands& commands, const char* name, const char* what, BatchVerb verb) {
    auto arguments = std::make_shared<FlowArguments>();
    Command command = object.add_command(name, what);
    std::vector<Option> of_one = {
        command.add_option("PROTO", arguments->proto, "tcp or udp"),
        command.add_option("LOCAL", arguments->local, "ADDR:PORT of this host"),
        command.add_option("REMOTE", arguments->remote, "ADDR:PORT of the peer"),
    };
    if (verb == BatchVerb::add)
        of_one.push_back(command.add_option("--to", arguments->target, target_forms).type_name("TARGET"));
    Option batch = command.add_option("--batch", arguments->batch, "one a line, all or none; \"-\" is standard input");
    batch.type_name("FILE");
    for (Option option : of_one)
        batch.excludes(option);
    add_dry_run(command, arguments->dry_run);
    add_force(command, arguments->force);
    commands.add(command, [arguments, verb](Session& session) { return run_change(*arguments, verb, session); });
}

}  // namespace

void add_flow_commands(Command root, Commands& commands) {
    Command object = root.add_object("flow", "exact 4-tuples and where their packets go");
    add_change_command(object, commands, "add", "add a flow", BatchVerb::add);
    add_change_command(object, commands, "del", "delete a flow", BatchVerb::del);

    auto filter = std::make_shared<FilterArguments>();
    Command list = object.add_command("list", "the flows and what they got");
    add_filter_options(list, *filter);
    commands.add(list, [filter](Session& session) { return run_list(*filter, session); });

    auto arguments = std::make_shared<FlushArguments>();
    Command flush = object.add_command("flush", "delete every flow but leases");
    flush.add_flag("--leases", arguments->leases, "leases too, which nobody tells their owners");
    add_dry_run(flush, arguments->dry_run);
    add_force(flush, arguments->force);
    commands.add(flush, [arguments](Session& session) { return run_flush(*arguments, session); });
    add_expire_command(object, commands);
}

}  // namespace xdemux
