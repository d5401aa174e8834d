// SPDX-License-Identifier: BSD-2-Clause
#include "render/verify.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include <xdemux/ops/snapshot.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

constexpr std::size_t shown_mismatches = 20;

std::string command_of(const VerifyMismatch& mismatch, std::string_view words) {
    const PacketSpec& packet = mismatch.packet;
    std::string command = fmt::format("{} {} {} {}", words, proto_name(packet.proto), packet.source.to_string(),
                                      packet.destination.to_string());
    if (!mismatch.device.empty()) command += fmt::format(" --dev {}", mismatch.device);
    if (packet.proto == Proto::tcp) command += fmt::format(" --flags {}", tcp_flags_text(packet.tcp_flags));
    if (packet.part != PacketPart::whole) command += fmt::format(" --fragment {}", packet_part_name(packet.part));
    return command;
}

std::string outcome_text(const VerifyOutcome& outcome) {
    std::string text = fmt::format("{} {}", reason_name(outcome.reason), verdict_name(outcome.verdict));
    if (outcome.verdict != outcome.action) text += fmt::format(", done {}", verdict_name(outcome.action));
    if (outcome.listener != 0) text += fmt::format(", listener {}", outcome.listener);
    return text;
}

Json outcome_json(const VerifyOutcome& outcome) {
    return {{"reason", reason_name(outcome.reason)},
            {"verdict", verdict_name(outcome.verdict)},
            {"action", verdict_name(outcome.action)},
            {"listener", outcome.listener != 0 ? Json(outcome.listener) : Json(nullptr)}};
}

void add_counts(Json& object, const VerifyCount& count) {
    object["packets"] = count.packets;
    object["agreed"] = count.agreed;
    object["not_compared"] = count.not_compared;
    object["mismatched"] = count.mismatched;
}

Json mismatch_json(const VerifyMismatch& mismatch, std::string_view words) {
    const PacketSpec& packet = mismatch.packet;
    return {{"proto", proto_name(packet.proto)},
            {"source", to_json(packet.source)},
            {"destination", to_json(packet.destination)},
            {"flags", packet.proto == Proto::tcp ? Json(tcp_flags_text(packet.tcp_flags)) : Json(nullptr)},
            {"fragment", packet.part == PacketPart::whole ? Json(nullptr) : Json(packet_part_name(packet.part))},
            {"dev", text_or_null(mismatch.device)},
            {"expected", outcome_json(mismatch.expected)},
            {"got", outcome_json(mismatch.got)},
            {"command", command_of(mismatch, words)}};
}

std::vector<std::string> row_of(std::string_view group, std::string_view name, const VerifyCount& count) {
    return {std::string(group),
            std::string(name),
            fmt::to_string(count.packets),
            fmt::to_string(count.agreed),
            fmt::to_string(count.not_compared),
            fmt::to_string(count.mismatched)};
}

void print_mismatches(const VerifyReport& report, std::string_view words, const Sink& sink) {
    const std::size_t shown = std::min(report.mismatches.size(), shown_mismatches);
    for (std::size_t i = 0; i < shown; ++i) {
        const VerifyMismatch& mismatch = report.mismatches[i];
        sink(fmt::format("\nexpected  {}\ngot       {}\nrepeat    {}\n", outcome_text(mismatch.expected),
                         outcome_text(mismatch.got), command_of(mismatch, words)));
    }
    if (report.total.mismatched > shown) sink(fmt::format("\nand {} more\n", report.total.mismatched - shown));
}

}  // namespace

Json to_json(const VerifyReport& report, std::string_view words) {
    Json object{{"seed", report.seed}};
    add_counts(object, report.total);
    object["classes"] = Json::array();
    for (const VerifyClass& each : report.classes) {
        Json row{{"group", each.group}, {"class", each.name}};
        add_counts(row, each.count);
        object["classes"].push_back(std::move(row));
    }
    object["mismatches"] = Json::array();
    for (const VerifyMismatch& mismatch : report.mismatches)
        object["mismatches"].push_back(mismatch_json(mismatch, words));
    return object;
}

void print_verify_json(const VerifyReport& report, std::string_view words, const Sink& sink) {
    print_json("verify", to_json(report, words), sink);
}

void print_verify_text(const VerifyReport& report, std::string_view words, const Sink& sink) {
    sink(fmt::format("seed {}\n\n", report.seed));
    TextTable table{{"Group"},
                    {"Class"},
                    {"Packets", Align::right},
                    {"Agreed", Align::right},
                    {"Not-compared", Align::right},
                    {"Mismatched", Align::right}};
    for (const VerifyClass& each : report.classes)
        table.add(row_of(each.group, each.name, each.count));
    table.add(row_of("all", "", report.total));
    table.print(sink);
    print_mismatches(report, words, sink);
}

}  // namespace xdemux
