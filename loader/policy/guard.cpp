// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include <fmt/format.h>

#include <xdemux/base/number.h>
#include <xdemux/policy/batch.h>
#include <xdemux/policy/guard.h>

namespace xdemux {
namespace {

constexpr std::size_t sources_shown = 3;

std::string sources_text(const std::vector<Prefix>& sources) {
    const std::size_t shown = sources.size() > sources_shown ? sources_shown - 1 : sources.size();
    std::string text = "from ";
    for (std::size_t i = 0; i < shown; ++i)
        text += fmt::format("{}{}", i == 0 ? "" : ",", source_text(sources[i]));
    return shown == sources.size() ? text : fmt::format("{} and {} more", text, sources.size() - shown);
}

Result<std::uint32_t> parse_count(std::string_view text, std::string_view option) {
    const auto number = whole_number<std::uint32_t>(text);
    if (number && *number >= 1 && *number <= Rate::most) return *number;
    return fail(ErrorKind::usage,
                fmt::format("{} \"{}\" is no number of packets from 1 to {}", option, text, Rate::most));
}

/// What stands in front of a comment, without blanks around it.
std::string_view content_of(std::string_view line) {
    constexpr std::string_view blanks = " \t\r\v\f";
    line = line.substr(0, line.find('#'));
    const auto first = line.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(blanks) - first + 1);
}

}  // namespace

bool Guard::admits(const Address& source) const {
    return sources.empty() ||
           std::any_of(sources.begin(), sources.end(), [&](const Prefix& prefix) { return prefix.contains(source); });
}

std::string Guard::to_string() const {
    std::string text = sources.empty() ? "" : sources_text(sources);
    if (rate)
        text += fmt::format("{}rate {}/s burst {}", text.empty() ? "" : " ", rate->packets_per_second, rate->burst);
    return text;
}

Result<Prefix> parse_source(std::string_view text) {
    if (text.find('/') != std::string_view::npos) return Prefix::parse(text);
    const auto address = Address::parse(text);
    if (!address) return fail(address.error().in("source"));
    return Prefix::of(*address, address_bits(address->family()));
}

std::string source_text(const Prefix& source) {
    const bool host = source.length == address_bits(source.address.family());
    return host ? source.address.to_string() : source.to_string();
}

Status parse_sources(std::string_view text, std::vector<Prefix>& into) {
    for (;;) {
        const auto comma = text.find(',');
        const auto source = parse_source(text.substr(0, comma));
        if (!source) return fail(source.error());
        into.push_back(*source);
        if (comma == std::string_view::npos) return {};
        text.remove_prefix(comma + 1);
    }
}

Status read_sources(std::istream& in, std::string_view name, std::vector<Prefix>& into) {
    const std::size_t before = into.size();
    BatchErrors errors(name);
    std::string text;
    for (std::size_t line = 1; std::getline(in, text); ++line) {
        const auto content = content_of(text);
        if (content.empty()) continue;
        const auto source = parse_source(content);
        if (source) {
            into.push_back(*source);
        } else {
            errors.add(line, source.error());
        }
    }
    if (in.bad()) return fail(ErrorKind::failed, fmt::format("cannot read {} to its end", name));
    if (!errors.empty()) return fail(errors.error());
    if (into.size() != before) return {};
    return fail(ErrorKind::usage,
                fmt::format("{} names no source; to admit every source, leave the list of sources out", name));
}

void sort_sources(std::vector<Prefix>& sources) {
    std::sort(sources.begin(), sources.end());
    sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
}

Result<std::optional<Rate>> parse_rate(std::optional<std::string_view> rate, std::optional<std::string_view> burst) {
    if (!rate && burst) return fail(ErrorKind::usage, "--burst goes with --rate: how many packets may come at once");
    if (!rate) return std::nullopt;
    const auto packets_per_second = parse_count(*rate, "--rate");
    if (!packets_per_second) return fail(packets_per_second.error());
    if (!burst) return Rate{*packets_per_second, *packets_per_second};
    const auto packets = parse_count(*burst, "--burst");
    if (!packets) return fail(packets.error());
    return Rate{*packets_per_second, *packets};
}

}  // namespace xdemux
