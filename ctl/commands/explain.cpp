// SPDX-License-Identifier: BSD-2-Clause
#include "commands/explain.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <xdemux/ops/attach.h>
#include <xdemux/ops/capture.h>
#include <xdemux/ops/explain.h>
#include <xdemux/ops/packet.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/capture.h"
#include "render/explanation.h"

namespace xdemux {
namespace {

struct ExplainArguments {
    std::string proto;
    std::string source;
    std::string destination;
    std::string device;
    std::string queue = "0";
    std::string flags;
    std::string fragment;
    std::string capture;
};

/// A packet may have port 0, which is reserved and names no endpoint.
Result<SocketAddress> parse_end(const std::string& text, Proto proto) {
    if (text.ends_with(":0")) {
        const auto end = SocketAddress::parse(text.substr(0, text.size() - 1) + "1", proto);
        if (end) return SocketAddress{end->address, 0};
    }
    return SocketAddress::parse(text, proto);
}

Result<std::uint32_t> queue_of(const ExplainArguments& arguments) {
    const auto queue = parse_number(arguments.queue, "--queue", 0, 65'535);
    if (!queue) return fail(queue.error());
    return static_cast<std::uint32_t>(*queue);
}

Result<ExplainRequest> request_of(const ExplainArguments& arguments) {
    if (arguments.destination.empty()) return fail(ErrorKind::usage, "PROTO SRC DST or --pcap FILE is missing");
    ExplainRequest request;
    const auto proto = parse_proto(arguments.proto);
    if (!proto) return fail(proto.error());
    request.packet.proto = *proto;
    const auto source = parse_end(arguments.source, *proto);
    if (!source) return fail(source.error());
    request.packet.source = *source;
    const auto destination = parse_end(arguments.destination, *proto);
    if (!destination) return fail(destination.error());
    request.packet.destination = *destination;
    if (!arguments.device.empty()) request.device = arguments.device;
    const auto queue = queue_of(arguments);
    if (!queue) return fail(queue.error());
    request.queue = *queue;
    if (!arguments.fragment.empty()) {
        const auto part = parse_packet_part(arguments.fragment);
        if (!part) return fail(part.error());
        request.packet.part = *part;
    }
    if (arguments.flags.empty()) return request;
    if (*proto != Proto::tcp) return fail(ErrorKind::usage, "--flags goes with tcp; udp has none");
    std::string text = arguments.flags;
    std::replace(text.begin(), text.end(), '|', ',');
    const auto flags = parse_tcp_flags(text);
    if (!flags) return fail(flags.error());
    request.packet.tcp_flags = *flags;
    return request;
}

/// Every packet of the file, each printed as soon as it is known.
Status explain_packets(Capture& capture, const Tracer& tracer, CapturePrinter& printer) {
    std::optional<ProgressBar> bar;
    if (!Output::is_terminal()) bar.emplace("reading");  // else the packets are progress enough
    while (true) {
        const auto packet = capture.next();
        if (!packet) return fail(packet.error());
        if (!*packet) return {};
        const auto explanation = tracer.explain_captured((*packet)->frame);
        if (!explanation) return fail(explanation.error());
        printer.add(**packet, *explanation);
        if (bar) bar->show(capture.position(), capture.size());
    }
}

/// The program answers for any device; the packets of one that is not attached never meet it.
void tell_unless_attached(const Instance& instance, const std::string& device) {
    const auto attached = attached_interfaces(instance);
    if (device.empty() || !attached) return;
    const bool found = std::ranges::any_of(*attached, [&](const AttachedInterface& each) {
        return each.dev == device && each.state == InterfaceState::attached;
    });
    if (!found) tell(fmt::format("{} is not attached: its packets do not meet the program", device));
}

Status run_capture(const ExplainArguments& arguments, Session& session) {
    auto capture = Capture::open(arguments.capture);
    if (!capture) return fail(capture.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto queue = queue_of(arguments);
    if (!queue) return fail(queue.error());
    const auto device = arguments.device.empty() ? std::nullopt : std::optional<std::string>(arguments.device);
    const auto tracer = Tracer::open(*instance, device, *queue);
    if (!tracer) return fail(tracer.error());
    tell_unless_attached(*instance, arguments.device);
    const Sink sink = session.sink();
    const PortNames names = PortNames::system();
    const auto printer = session.json() ? make_capture_json(sink) : make_capture_text(names, sink);
    const Status done = explain_packets(*capture, *tracer, *printer);
    printer->end();  // what was found before a failure is a whole document too
    return done;
}

Status run_explain(const ExplainArguments& arguments, Session& session) {
    if (!arguments.capture.empty()) return run_capture(arguments, session);
    const auto request = request_of(arguments);
    if (!request) return fail(request.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto explanation = explain(*instance, *request);
    if (!explanation) return fail(explanation.error());
    tell_unless_attached(*instance, arguments.device);
    if (session.json()) {
        print_explanation_json(*explanation, session.sink());
    } else {
        print_explanation_text(*explanation, PortNames::system(), session.sink());
    }
    return {};
}

}  // namespace

void add_explain_command(Command root, Commands& commands) {
    auto arguments = std::make_shared<ExplainArguments>();
    Command explain = root.add_command("explain", "what becomes of a packet, and by which look-ups");
    const std::vector<Option> of_one = {
        explain.add_option("PROTO", arguments->proto, "tcp or udp"),
        explain.add_option("SRC", arguments->source, "ADDR:PORT that sends it"),
        explain.add_option("DST", arguments->destination, "ADDR:PORT that it is for"),
        explain.add_option("--flags", arguments->flags, "TCP flags, as in syn,ack; syn unless given")
            .type_name("FLAGS"),
        explain.add_option("--fragment", arguments->fragment, "a fragment instead of a whole packet: first or later")
            .type_name("WHICH"),
    };
    explain.add_option("--dev", arguments->device, "where it comes in; the first that is attached unless given")
        .type_name("DEV");
    explain.add_option("--queue", arguments->queue, "the receive queue there, for AF_XDP sockets; 0 unless given")
        .type_name("N");
    Option capture =
        explain.add_option("--pcap", arguments->capture,
                           "every packet of a capture, pcap or pcapng, in place of one; \"-\" is standard input");
    capture.type_name("FILE");
    for (Option option : of_one)
        capture.excludes(option);
    commands.add(explain, [arguments](Session& session) { return run_explain(*arguments, session); });
}

}  // namespace xdemux
