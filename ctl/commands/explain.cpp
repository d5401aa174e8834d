// SPDX-License-Identifier: BSD-2-Clause
#include "commands/explain.h"

#include <algorithm>
#include <memory>
#include <string>

#include <xdemux/ops/explain.h>
#include <xdemux/ops/packet.h>

#include "commands/command_line.h"
#include "render/explanation.h"

namespace xdemux {
namespace {

struct ExplainArguments {
    std::string proto;
    std::string source;
    std::string destination;
    std::string device;
    std::string flags;
};

Result<ExplainRequest> request_of(const ExplainArguments& arguments) {
    ExplainRequest request;
    const auto proto = parse_proto(arguments.proto);
    if (!proto) return fail(proto.error());
    request.packet.proto = *proto;
    const auto source = SocketAddress::parse(arguments.source, *proto);
    if (!source) return fail(source.error());
    request.packet.source = *source;
    const auto destination = SocketAddress::parse(arguments.destination, *proto);
    if (!destination) return fail(destination.error());
    request.packet.destination = *destination;
    if (!arguments.device.empty()) request.device = arguments.device;
    if (arguments.flags.empty()) return request;
    if (*proto != Proto::tcp) return fail(ErrorKind::usage, "--flags goes with tcp; udp has none");
    std::string text = arguments.flags;
    std::replace(text.begin(), text.end(), '|', ',');
    const auto flags = parse_tcp_flags(text);
    if (!flags) return fail(flags.error());
    request.packet.tcp_flags = *flags;
    return request;
}

Status run_explain(const ExplainArguments& arguments, Session& session) {
    const auto request = request_of(arguments);
    if (!request) return fail(request.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto explanation = explain(*instance, *request);
    if (!explanation) return fail(explanation.error());
    if (session.json()) {
        print_explanation_json(*explanation, session.sink());
    } else {
        print_explanation_text(*explanation, PortNames::system(), session.sink());
    }
    return {};
}

}  // namespace

void add_explain_command(CLI::App& root, Commands& commands) {
    auto arguments = std::make_shared<ExplainArguments>();
    CLI::App* explain = root.add_subcommand("explain", "what becomes of a packet, and by which look-ups");
    explain->add_option("PROTO", arguments->proto, "tcp or udp")->required();
    explain->add_option("SRC", arguments->source, "ADDR:PORT that sends it")->required();
    explain->add_option("DST", arguments->destination, "ADDR:PORT that it is for")->required();
    explain->add_option("--dev", arguments->device, "where it comes in; the first that is attached unless given")
        ->type_name("DEV");
    explain->add_option("--flags", arguments->flags, "TCP flags, as in syn,ack; syn unless given")->type_name("FLAGS");
    commands.add(explain, [arguments](Session& session) { return run_explain(*arguments, session); });
}

}  // namespace xdemux
