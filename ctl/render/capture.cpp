// SPDX-License-Identifier: BSD-2-Clause
#include "render/capture.h"

#include <ctime>
#include <string>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <xdemux/base/units.h>
#include <xdemux/ops/snapshot.h>

#include "render/explanation.h"
#include "render/json.h"

namespace xdemux {
namespace {

/// "2026-01-31 23:59:59.000000001"
std::string time_text(std::uint64_t time_ns) {
    const auto seconds = static_cast<std::time_t>(time_ns / std::uint64_t{ns_per_second});
    return fmt::format("{:%F %T}.{:09}", fmt::gmtime(seconds), time_ns % std::uint64_t{ns_per_second});
}

std::string end_text(const SocketAddress& end, const std::optional<Proto>& proto, const PortNames& names) {
    return proto ? names.address(end, *proto) : end.address.to_string();
}

// Widths that fit IPv4 with a service name; longer cells push the rest of their line aside. Lines are printed as they
// come, so no later one can widen them.
constexpr std::string_view line_format = "{:>6}  {:<29}  {:<5}  {:<24}  {:<24}  {:<7}  {}\n";

class CaptureText : public CapturePrinter {
  public:
    CaptureText(const PortNames& names, const Sink& sink) : names_(names), sink_(sink) {
        sink_(fmt::format(line_format, "Number", "Time", "Netid", "Source", "Destination", "Verdict", "Reason"));
    }
    void add(const CapturedPacket& packet, const Explanation& explanation) override {
        std::string proto = "-", source = "-", destination = "-";
        if (explanation.ends) {
            const PacketEnds& ends = *explanation.ends;
            if (ends.proto) proto = proto_name(*ends.proto);
            source = end_text(ends.source, ends.proto, names_);
            destination = end_text(ends.destination, ends.proto, names_);
        }
        sink_(fmt::format(line_format, packet.number, time_text(packet.time_ns), proto, source, destination,
                          verdict_name(explanation.verdict), reason_name(explanation.reason)));
    }
    void end() override {}

  private:
    const PortNames& names_;
    const Sink& sink_;
};

class CaptureJson : public CapturePrinter {
  public:
    explicit CaptureJson(const Sink& sink) : list_("explanations", sink) {}
    void add(const CapturedPacket& packet, const Explanation& explanation) override {
        Json element{{"number", packet.number},
                     {"time_ns", packet.time_ns},
                     {"proto", nullptr},
                     {"source", nullptr},
                     {"destination", nullptr}};
        if (explanation.ends) {
            const PacketEnds& ends = *explanation.ends;
            if (ends.proto) element["proto"] = proto_name(*ends.proto);
            element["source"] = to_json(ends.source);
            element["destination"] = to_json(ends.destination);
        }
        element.update(to_json(explanation));
        list_.add(element);
    }
    void end() override { list_.end(); }

  private:
    JsonList list_;
};

}  // namespace

std::unique_ptr<CapturePrinter> make_capture_text(const PortNames& names, const Sink& sink) {
    return std::make_unique<CaptureText>(names, sink);
}

std::unique_ptr<CapturePrinter> make_capture_json(const Sink& sink) {
    return std::make_unique<CaptureJson>(sink);
}

}  // namespace xdemux
