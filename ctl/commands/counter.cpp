// SPDX-License-Identifier: BSD-2-Clause
#include "commands/counter.h"

#include <memory>
#include <string>

#include <fmt/format.h>

#include <xdemux/ops/counters.h>
#include <xdemux/ops/snapshot.h>

#include "commands/options.h"
#include "commands/session.h"
#include "commands/watch.h"
#include "render/counters.h"

namespace xdemux {
namespace {

struct CounterArguments {
    std::string ports;
    std::string proto;
    std::string top;
    bool all = false;
    bool watch = false;
};

/// A service may have a number in one protocol alone, or another one in each.
Status select_ports(const std::string& text, CounterSelection& selection) {
    const auto tcp = PortRange::parse(text, Proto::tcp);
    const auto udp = PortRange::parse(text, Proto::udp);
    if (!tcp && !udp) return fail(selection.proto == Proto::udp ? udp.error() : tcp.error());
    if (selection.proto == Proto::tcp && !tcp) return fail(tcp.error());
    if (selection.proto == Proto::udp && !udp) return fail(udp.error());
    selection.tcp_ports = tcp ? std::optional(*tcp) : std::nullopt;
    selection.udp_ports = udp ? std::optional(*udp) : std::nullopt;
    return {};
}

Result<CounterSelection> selection_of(const CounterArguments& arguments) {
    CounterSelection selection;
    selection.named = arguments.all;
    if (!arguments.proto.empty()) {
        const auto proto = parse_proto(arguments.proto);
        if (!proto) return fail(proto.error());
        selection.proto = *proto;
    }
    if (!arguments.ports.empty()) {
        if (const auto selected = select_ports(arguments.ports, selection); !selected) return fail(selected.error());
    }
    if (!arguments.top.empty()) {
        constexpr std::uint64_t all_counters = 2 * 65536;
        const auto top = parse_number(arguments.top, "--top", 1, all_counters);
        if (!top) return fail(top.error());
        selection.top = *top;
    }
    return selection;
}

Status show_counters(const CounterSelection& selection, const PortNames& names, Session& session) {
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    auto rows = read_counters(*instance, selection.named);
    if (!rows) return fail(rows.error());
    const auto selected = select_counters(std::move(*rows), selection, names);
    if (session.json()) {
        print_counters_json(selected, names, session.sink());
    } else {
        print_counters_text(selected, names, session.sink());
    }
    return {};
}

Status run_list(const CounterArguments& arguments, Session& session) {
    const auto selection = selection_of(arguments);
    if (!selection) return fail(selection.error());
    const PortNames names = PortNames::system();
    const auto show = [&] { return show_counters(*selection, names, session); };
    if (!arguments.watch) return show();
    return watch(session.output(), session.json() ? "" : "\n", show);
}

Status run_reset(bool dry_run, Session& session) {
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    return dry_run ? Status() : reset_counters(*instance);
}

}  // namespace

void add_counter_commands(Command root, Commands& commands) {
    Command object = root.add_object("counter", "packets and bytes by port");
    auto arguments = std::make_shared<CounterArguments>();
    Command list = object.add_command("list", "the ports that are not at zero");
    list.add_option("--port", arguments->ports, "a port, a service or a range").type_name("P[-P]");
    list.add_option("--proto", arguments->proto, "tcp or udp").type_name("PROTO");
    list.add_option("--top", arguments->top, "the so many with the most packets, these first").type_name("N");
    list.add_flag("--all", arguments->all, "ports at zero too that have a service name");
    list.add_flag("--watch", arguments->watch, "again each second, until interrupted");
    commands.add(list, [arguments](Session& session) { return run_list(*arguments, session); });

    auto dry_run = std::make_shared<bool>(false);
    Command reset = object.add_command("reset", "set ports, reasons and listeners back to zero");
    add_dry_run(reset, *dry_run);
    commands.add(reset, [dry_run](Session& session) { return run_reset(*dry_run, session); });
}

}  // namespace xdemux
