// SPDX-License-Identifier: BSD-2-Clause
#include "render/scans.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <xdemux/policy/proto.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

/// By bit of byte 13 of the TCP header (RFC 9293, 3.1).
constexpr std::array<std::string_view, 8> flag_names{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};

std::vector<std::string_view> flags_of(std::uint8_t flags) {
    std::vector<std::string_view> names;
    for (std::size_t bit = 0; bit < flag_names.size(); ++bit) {
        if ((flags >> bit & 1U) != 0) names.push_back(flag_names[bit]);
    }
    return names;
}

std::vector<std::string_view> protocols_of(std::uint8_t protocols) {
    std::vector<std::string_view> names;
    for (const Proto proto : {Proto::tcp, Proto::udp}) {
        if ((protocols >> static_cast<unsigned>(proto) & 1U) != 0) names.push_back(proto_name(proto));
    }
    return names;
}

std::string_view family_word(const Address& address) {
    return address.family() == Family::ipv4 ? "ipv4" : "ipv6";
}

std::string join(const std::vector<std::string_view>& words) {
    return words.empty() ? "-" : fmt::format("{}", fmt::join(words, ","));
}

/// Whole seconds; never less than none, for a clock may have been read before the other.
std::int64_t seconds_between(nanoseconds from, nanoseconds to) {
    return std::chrono::duration_cast<seconds>(std::max(to - from, nanoseconds(0))).count();
}

nanoseconds at(std::uint64_t time_ns) {
    return nanoseconds(static_cast<std::int64_t>(time_ns));
}

std::string ago(std::uint64_t time_ns, nanoseconds now) {
    return fmt::format("{} s ago", seconds_between(at(time_ns), now));
}

std::string left(std::uint64_t until_ns, nanoseconds now) {
    return fmt::format("{} s", seconds_between(now, at(until_ns)));
}

}  // namespace

Json to_json(const ScanRow& row) {
    const Scan& scan = row.scan;
    return Json{{"source", scan.source.to_string()},
                {"family", family_word(scan.source)},
                {"endpoints", scan.endpoints},
                {"addresses", scan.addresses},
                {"packets", scan.packets},
                {"first_seen_ns", scan.first_seen_ns},
                {"last_seen_ns", scan.last_seen_ns},
                {"protocols", protocols_of(scan.protocols)},
                {"tcp_flags", flags_of(scan.tcp_flags)},
                {"kind", scan_kind_name(scan.kind)},
                {"blocked_until_ns", row.blocked_until_ns ? Json(*row.blocked_until_ns) : Json(nullptr)}};
}

void print_scans_json(std::span<const ScanRow> rows, const Sink& sink) {
    JsonList list("scans", sink);
    for (const ScanRow& row : rows)
        list.add(to_json(row));
    list.end();
}

void print_scans_text(std::span<const ScanRow> rows, nanoseconds now, const Sink& sink) {
    TextTable table{
        {"Source"}, {"Kind"},  {"Endpoints", Align::right},  {"Addresses", Align::right}, {"Packets", Align::right},
        {"Netid"},  {"Flags"}, {"First-seen", Align::right}, {"Last-seen", Align::right}, {"Blocked", Align::right}};
    for (const ScanRow& row : rows) {
        const Scan& scan = row.scan;
        table.add({scan.source.to_string(), std::string(scan_kind_name(scan.kind)), fmt::to_string(scan.endpoints),
                   fmt::to_string(scan.addresses), fmt::to_string(scan.packets), join(protocols_of(scan.protocols)),
                   join(flags_of(scan.tcp_flags)), ago(scan.first_seen_ns, now), ago(scan.last_seen_ns, now),
                   row.blocked_until_ns ? left(*row.blocked_until_ns, now) : "-"});
    }
    table.print(sink);
}

Json to_json(const Block& block) {
    return Json{
        {"source", block.source.to_string()}, {"family", family_word(block.source)}, {"until_ns", block.until_ns}};
}

void print_blocks_json(std::span<const Block> blocks, const Sink& sink) {
    JsonList list("blocks", sink);
    for (const Block& block : blocks)
        list.add(to_json(block));
    list.end();
}

void print_blocks_text(std::span<const Block> blocks, nanoseconds now, const Sink& sink) {
    TextTable table{{"Source"}, {"Left", Align::right}};
    for (const Block& block : blocks)
        table.add({block.source.to_string(), left(block.until_ns, now)});
    table.print(sink);
}

}  // namespace xdemux
