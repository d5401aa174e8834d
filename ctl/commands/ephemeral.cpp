// SPDX-License-Identifier: BSD-2-Clause
#include "commands/ephemeral.h"

#include <memory>
#include <string>

#include <fmt/format.h>

#include <xdemux/ops/ephemeral.h>
#include <xdemux/policy/ephemeral_simulation.h>

#include "commands/lease.h"
#include "commands/options.h"
#include "commands/session.h"
#include "render/ephemeral.h"
#include "render/ephemeral_simulation.h"

namespace xdemux {
namespace {

Status run_show(Session& session) {
    const auto status = read_ephemeral(session.instance());
    if (!status) return fail(status.error());
    if (session.json()) {
        print_ephemeral_json(*status, session.sink());
    } else {
        print_ephemeral_text(*status, session.sink());
    }
    return {};
}

struct SetArguments {
    std::string range;
    std::string reserve;
    std::string unreserve;
    std::string confirm;
    bool force = false;
    bool dry_run = false;
};

Result<EphemeralRequest> request_of(const SetArguments& arguments) {
    EphemeralRequest request;
    const auto range = parse_ephemeral_range(arguments.range);
    if (!range) return fail(range.error());
    request.range = *range;
    const auto reserve = PortSet::parse(arguments.reserve);
    if (!reserve) return fail(reserve.error());
    request.reserve = *reserve;
    const auto unreserve = PortSet::parse(arguments.unreserve);
    if (!unreserve) return fail(unreserve.error());
    request.unreserve = *unreserve;
    const auto confirm = SettingsArguments{false, false, false, false, {}, arguments.confirm}.confirm_within();
    if (!confirm) return fail(confirm.error());
    request.confirm = *confirm;
    request.force = arguments.force;
    request.dry_run = arguments.dry_run;
    return request;
}

void tell_impact(const EphemeralImpact& impact, const EphemeralRequest& request) {
    if (impact.left_outside != 0)
        tell(fmt::format("{} connection{} a port outside of {}; they go on", impact.left_outside,
                         impact.left_outside == 1 ? " has" : "s have", request.range.to_string()));
    if (!impact.listeners.empty())
        tell(fmt::format("an outgoing connection may take the port of a listener: {}", describe(impact.listeners)));
    tell(fmt::format("{} usable ports before, {} {}: {}", impact.before.usable, impact.after.usable,
                     request.dry_run ? "then" : "now", describe_sustainable(impact.after.usable, linux_time_wait)));
    if (request.confirm && !request.dry_run)
        tell(fmt::format("it goes back in {} s unless \"xdemux confirm\" is run", request.confirm->count()));
}

Status run_set(const SetArguments& arguments, Session& session) {
    const auto request = request_of(arguments);
    if (!request) return fail(request.error());
    const auto impact = change_ephemeral(session.instance(), *request);
    if (!impact) return fail(impact.error());
    tell_impact(*impact, *request);
    return {};
}

struct SimulateArguments {
    SimulationRequest request;
    std::string range;
    std::string reserve;
    std::string algorithm = "permutation";
    std::string plot;
};

/// The host's own range and reserved ports, unless others are named.
Result<PortSet> ports_of(const SimulateArguments& arguments) {
    const auto reserve = PortSet::parse(arguments.reserve);
    if (!reserve) return fail(reserve.error());
    PortSet ports;
    if (arguments.range.empty()) {
        const auto settings = read_ephemeral_settings();
        if (!settings) return fail(settings.error());
        ports.add(settings->range);
        ports.remove(settings->reserved);
    } else {
        const auto range = parse_ephemeral_range(arguments.range);
        if (!range) return fail(range.error());
        ports.add(*range);
    }
    ports.remove(*reserve);
    return ports;
}

Status draw(const std::string& file, const Plot& plot) {
    const auto format = plot_format(file);
    if (!format) return fail(format.error());
    auto output = Output::create(file);
    if (!output) return fail(output.error());
    if (auto drawn = draw_plot(plot, *format, output->sink()); !drawn) return drawn;
    return output->flush();
}

Status run_simulate(const SimulateArguments& arguments, Session& session) {
    SimulationRequest request = arguments.request;
    const auto algorithm = parse_port_algorithm(arguments.algorithm);
    if (!algorithm) return fail(algorithm.error());
    request.algorithm = *algorithm;
    const auto ports = ports_of(arguments);
    if (!ports) return fail(ports.error());
    request.ports = *ports;
    if (!arguments.plot.empty()) {
        if (const auto format = plot_format(arguments.plot); !format) return fail(format.error());
    }
    const auto result = simulate(request);
    if (!result) return fail(result.error());
    if (session.json()) {
        print_simulation_json(request, *result, session.sink());
    } else {
        print_simulation_text(request, *result, session.sink());
    }
    if (arguments.plot.empty()) return {};
    return draw(arguments.plot, plot_of(request, *result));
}

void add_show(Command object, Commands& commands) {
    Command show = object.add_command("show", "the range, its use, and how far it goes");
    commands.add(show, run_show);
}

void add_set(Command object, Commands& commands) {
    auto arguments = std::make_shared<SetArguments>();
    Command set = object.add_command("set", "change the kernel's range and reserved ports, until the next boot");
    set.add_option("RANGE", arguments->range, "iana, linux, linux-old, windows, macos, freebsd, or LO-HI").required();
    set.add_option("--reserve", arguments->reserve, "ports that the kernel gives to no one by itself, beside those now")
        .type_name("P,P-P");
    set.add_option("--unreserve", arguments->unreserve, "ports that are reserved no longer").type_name("P,P-P");
    set.add_option("--confirm", arguments->confirm,
                   "go back by itself after so many seconds, 1 to 86400, unless xdemux confirm is run")
        .type_name("SECONDS");
    set.add_flag("--force", arguments->force, "even where ports of listeners are in the range");
    add_dry_run(set, arguments->dry_run);
    commands.add(set, [arguments](Session& session) { return run_set(*arguments, session); });
}

void add_simulate(Command object, Commands& commands) {
    auto arguments = std::make_shared<SimulateArguments>();
    SimulationRequest& request = arguments->request;
    Command simulate = object.add_command("simulate", "when ports run out under a load, and who could guess them");
    const auto number = [&](const char* name, auto& value, const char* what) {
        simulate.add_option(name, value, what).show_default().type_name("N");
    };
    number("--rate", request.rate, "connections per second, to all destinations together");
    number("--hold", request.held, "seconds that a connection lasts, on average");
    number("--time-wait", request.time_wait, "seconds that its port then is not free");
    number("--destinations", request.destinations, "how many there are");
    number("--duration", request.duration, "seconds to simulate");
    number("--seed", request.seed, "the same seed gives the same answer");
    simulate.add_option("--algorithm", arguments->algorithm, "as RFC 6056 calls it, or permutation")
        .show_default()
        .type_name("NAME");
    simulate.add_option("--range", arguments->range, "a preset or LO-HI; the host's unless given").type_name("RANGE");
    simulate.add_option("--reserve", arguments->reserve, "ports that are given to no one").type_name("P,P-P");
    simulate.add_option("--plot", arguments->plot, "draw the ports over time into a .png or .svg").type_name("FILE");
    commands.add(simulate, [arguments](Session& session) { return run_simulate(*arguments, session); });
}

}  // namespace

void add_ephemeral_commands(Command root, Commands& commands) {
    Command object = root.add_object("ephemeral", "the ports that outgoing connections get");
    add_show(object, commands);
    add_set(object, commands);
    add_lease_commands(object, commands);
    add_simulate(object, commands);
}

}  // namespace xdemux
