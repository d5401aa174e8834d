// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <xdemux/policy/ephemeral_range.h>

namespace xdemux {
namespace {

constexpr std::array<EphemeralPreset, 6> presets = {{
    {"iana", "IANA's dynamic ports (RFC 6335)", {49152, 65535}},
    {"linux", "Linux since 4.2", {32768, 60999}},
    {"linux-old", "Linux before 4.2", {32768, 61000}},
    {"windows", "Windows since Vista", {49152, 65535}},
    {"macos", "macOS", {49152, 65535}},
    {"freebsd", "FreeBSD", {10000, 65535}},
}};

std::string preset_names() {
    std::string names;
    for (const EphemeralPreset& preset : presets)
        names += fmt::format("{}, ", preset.name);
    return names;
}

}  // namespace

std::span<const EphemeralPreset> ephemeral_presets() {
    return presets;
}

Result<PortRange> parse_ephemeral_range(std::string_view text) {
    const auto* const preset = std::ranges::find(presets, text, &EphemeralPreset::name);
    if (preset != presets.end()) return preset->range;
    const bool range =
        !text.empty() && std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '-'; });
    if (!range)
        return fail(ErrorKind::usage, fmt::format("unknown range \"{}\"; use {}or LO-HI", text, preset_names()));
    const auto parsed = PortRange::parse(text, Proto::tcp);
    if (!parsed) return fail(parsed.error().in(fmt::format("ephemeral range \"{}\"", text)));
    if (parsed->is_single())
        return fail(ErrorKind::usage, fmt::format("ephemeral range \"{}\" is a single port; use LO-HI", text));
    return *parsed;
}

RangeCapacity capacity_of(const PortRange& range, const PortSet& reserved) {
    RangeCapacity capacity;
    capacity.ports = port_count(range);
    capacity.reserved = reserved.count(range);
    capacity.usable = capacity.ports - capacity.reserved;
    // connect() begins with the parity of the lower end.
    for (std::uint32_t port = range.first; port <= range.last; port += 2)
        capacity.cliff += reserved.contains(static_cast<std::uint16_t>(port)) ? 0 : 1;
    return capacity;
}

double sustainable_rate(std::size_t ports, std::chrono::duration<double> held,
                        std::chrono::duration<double> time_wait) {
    const double seconds = (held + time_wait).count();
    return seconds <= 0 ? 0 : static_cast<double>(ports) / seconds;
}

std::string describe_sustainable(std::size_t ports, std::chrono::seconds time_wait) {
    return fmt::format("{} ports / {} s of TIME_WAIT = {:.1f} connections per second to one destination", ports,
                       time_wait.count(), sustainable_rate(ports, std::chrono::seconds(0), time_wait));
}

}  // namespace xdemux
