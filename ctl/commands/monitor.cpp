// SPDX-License-Identifier: BSD-2-Clause
#include "commands/monitor.h"

#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <xdemux/ops/events.h>

#include "commands/end_signals.h"
#include "commands/options.h"
#include "commands/session.h"
#include "render/events.h"
#include "render/pcapng.h"

namespace xdemux {
namespace {

struct MonitorArguments {
    std::string pcap;
    std::string sample;
    std::string limit;
    std::string count;
    bool numeric = false;
};

struct MonitorOptions {
    EventOptions events;
    std::optional<std::uint64_t> count;
};

Result<MonitorOptions> options_of(const MonitorArguments& arguments) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    constexpr std::uint64_t most_per_second = 1'000'000;
    MonitorOptions options;
    if (!arguments.sample.empty()) {
        const auto sample = parse_number(arguments.sample, "--sample", 1, most);
        if (!sample) return fail(sample.error());
        options.events.one_in = static_cast<std::uint32_t>(*sample);
    }
    if (!arguments.limit.empty()) {
        const auto limit = parse_number(arguments.limit, "--limit", 0, most_per_second);
        if (!limit) return fail(limit.error());
        options.events.per_second = *limit;
    }
    if (!arguments.count.empty()) {
        const auto count = parse_number(arguments.count, "--count", 1, most);
        if (!count) return fail(count.error());
        options.count = *count;
    }
    return options;
}

using EventWriter = std::function<void(const PacketEvent&)>;

/// How the events are written to `output`: a capture, JSON or text.
EventWriter writer_of(const MonitorArguments& arguments, bool json, Output& output) {
    const Sink sink = output.sink();
    if (!arguments.pcap.empty()) {
        auto pcap = std::make_shared<PcapngWriter>("xdemux " XDEMUX_VERSION, event_frame_bytes, sink);
        return [pcap](const PacketEvent& event) { pcap->write(event); };
    }
    if (json) return [sink](const PacketEvent& event) { print_event_json(event, sink); };
    print_event_titles(sink);
    const PortNames names = arguments.numeric ? PortNames() : PortNames::system();
    return [sink, names](const PacketEvent& event) { print_event_text(event, names, sink); };
}

/// Until a signal, or so many events.
Status pump(EventStream& stream, const EventWriter& write, std::optional<std::uint64_t> count, Output& output) {
    using Clock = std::chrono::steady_clock;
    constexpr timespec renewal{1, 0};
    const EndSignals signals;
    auto renewed_at = Clock::now();
    const auto write_some = [&](const PacketEvent& event) {
        if (count == 0U) return;
        write(event);
        if (count) --*count;
    };
    bool ending = false;
    while (!ending) {
        if (auto written = output.flush(); !written) return written;
        if (Clock::now() - renewed_at >= std::chrono::seconds(1)) {
            if (auto renewed = stream.renew(); !renewed) return renewed;
            renewed_at = Clock::now();
        }
        const Woken woken = signals.wait_for(stream.fd(), output.fd(), renewal);
        if (woken == Woken::reader_gone) return output.fail_without_reader();
        ending = woken == Woken::signal;
        if (ending) stream.stop();
        if (auto read = stream.read(write_some); !read) return read;
        ending = ending || count == 0U;
    }
    return output.flush();
}

void tell_lost(const EventStream& stream) {
    const auto lost = stream.lost();
    if (lost && *lost != 0)
        tell(fmt::format("{} events were lost: too many for --limit, or for the reader; --sample takes fewer evenly",
                         *lost));
}

Status run_monitor(const MonitorArguments& arguments, Session& session) {
    if (session.json() && !arguments.pcap.empty())
        return fail(ErrorKind::usage, "--json excludes --pcap: a capture is no JSON");
    auto options = options_of(arguments);
    if (!options) return fail(options.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    auto stream = EventStream::open(*instance, options->events);
    if (!stream) return fail(stream.error());
    std::optional<Output> file;
    if (!arguments.pcap.empty() && arguments.pcap != "-") {
        auto created = Output::create(arguments.pcap);
        if (!created) return fail(created.error());
        file.emplace(std::move(*created));
    }
    Output& output = file ? *file : session.output();
    auto done = pump(*stream, writer_of(arguments, session.json(), output), options->count, output);
    stream->stop();
    tell_lost(*stream);
    return done;
}

}  // namespace

void add_monitor_command(Command root, Commands& commands) {
    auto arguments = std::make_shared<MonitorArguments>();
    Command monitor =
        root.add_command("monitor", "dropped and rejected packets as they come, a line each, until interrupted");
    monitor
        .add_option("--pcap", arguments->pcap,
                    "write a capture (pcapng) with the reasons as comments instead; - is "
                    "standard output")
        .type_name("FILE");
    monitor.add_option("--sample", arguments->sample, "one packet of so many").type_name("N");
    monitor
        .add_option("--limit", arguments->limit, "at most so many a second and CPU; 1000 unless given, 0 for no limit")
        .type_name("N");
    monitor.add_option("--count", arguments->count, "end after so many").type_name("N");
    monitor.add_flag("-n,--numeric", arguments->numeric, "numbers, no service names");
    commands.add(monitor, [arguments](Session& session) { return run_monitor(*arguments, session); });
}

}  // namespace xdemux
