// SPDX-License-Identifier: BSD-2-Clause
#include "render/ephemeral.h"

#include <algorithm>

#include <fmt/format.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

constexpr std::size_t most_destinations = 20;  // in text; JSON has all

Json range_json(const PortRange& range) {
    return Json{{"first", range.first}, {"last", range.last}};
}

Json reserved_json(const PortSet& ports) {
    Json array = Json::array();
    for (const PortRange& range : ports.ranges())
        array.push_back(range_json(range));
    return array;
}

double rate_of(const EphemeralStatus& status, std::size_t ports) {
    return sustainable_rate(ports, std::chrono::seconds(0), status.time_wait);
}

Json presets_json(const EphemeralStatus& status) {
    Json array = Json::array();
    for (const EphemeralPreset& preset : ephemeral_presets()) {
        const std::size_t ports = port_count(preset.range);
        array.push_back({{"name", preset.name},
                         {"description", preset.description},
                         {"range", range_json(preset.range)},
                         {"ports", ports},
                         {"sustainable_per_second", rate_of(status, ports)}});
    }
    return array;
}

std::size_t left_of(std::size_t limit, std::size_t taken) {
    return limit > taken ? limit - taken : 0;
}

Json destination_json(const EphemeralStatus& status, const DestinationUse& use) {
    return Json{{"proto", proto_name(use.proto)},
                {"local", use.local.to_string()},
                {"remote", to_json(use.remote)},
                {"in_use", use.in_use},
                {"time_wait", use.time_wait},
                {"left", left_of(status.capacity.usable, use.taken())},
                {"to_cliff", left_of(status.capacity.cliff, use.taken())}};
}

Json pending_json(const std::optional<PendingEphemeral>& pending) {
    if (!pending) return nullptr;
    return Json{{"range", range_json(pending->fallback.range)},
                {"reserved", reserved_json(pending->fallback.reserved)},
                {"seconds_left", std::chrono::ceil<std::chrono::seconds>(pending->left).count()}};
}

std::string pending_text(const std::optional<PendingEphemeral>& pending) {
    if (!pending) return "-";
    const EphemeralSettings& back = pending->fallback;
    return fmt::format("goes back to {}{} in {} s unless confirmed", back.range.to_string(),
                       back.reserved.empty() ? "" : fmt::format(", {} reserved", back.reserved.to_string()),
                       std::chrono::ceil<std::chrono::seconds>(pending->left).count());
}

/// "32768-60999 (linux)"
std::string range_text(const PortRange& range) {
    std::string names;
    for (const EphemeralPreset& preset : ephemeral_presets())
        if (preset.range == range) names += fmt::format("{}{}", names.empty() ? "" : ", ", preset.name);
    return names.empty() ? range.to_string() : fmt::format("{} ({})", range.to_string(), names);
}

void print_facts(const EphemeralStatus& status, const Sink& sink) {
    const auto line = [&](std::string_view name, std::string_view value) {
        sink(fmt::format("{:<13}{}\n", name, value));
    };
    const RangeCapacity& capacity = status.capacity;
    const EphemeralUse& use = status.use;
    line("range", range_text(status.settings.range) + ", IPv4 and IPv6");
    line("ports", fmt::format("{}, {} reserved", capacity.ports, capacity.reserved));
    line("reserved", status.settings.reserved.empty() ? "-" : status.settings.reserved.to_string());
    line("taken",
         fmt::format("{} in use, {} in TIME_WAIT, to whatever destination", use.ports_in_use, use.ports_time_wait));
    line("cliff", fmt::format("{} ports to one destination; past it connect takes many times longer", capacity.cliff));
    line("sustainable", describe_sustainable(capacity.usable, status.time_wait));
    line("time-wait", fmt::format("reuse {} (net.ipv4.tcp_tw_reuse)", time_wait_reuse_name(status.reuse)));
    line("pending", pending_text(status.pending));
}

void print_picture(const EphemeralStatus& status, const Sink& sink) {
    sink(fmt::format("\n0{:>16}{:>16}{:>16}{:>15}\n{}\n", 16'384, 32'768, 49'152, 65'535, range_picture(status)));
    sink("a letter is 1024 ports: . outside, - free, 1-9 tenths taken, R reserved, L a listener\n");
}

void print_destinations(const EphemeralStatus& status, const Sink& sink) {
    const auto& all = status.use.destinations;
    if (all.empty()) return;
    TextTable table{{"Netid"},
                    {"Local"},
                    {"Remote"},
                    {"In-use", Align::right},
                    {"Time-wait", Align::right},
                    {"Left", Align::right},
                    {"To-cliff", Align::right}};
    for (std::size_t i = 0; i < std::min(all.size(), most_destinations); ++i) {
        const DestinationUse& use = all[i];
        table.add({std::string(proto_name(use.proto)), use.local.to_string(), use.remote.to_string(),
                   fmt::to_string(use.in_use), fmt::to_string(use.time_wait),
                   fmt::to_string(left_of(status.capacity.usable, use.taken())),
                   fmt::to_string(left_of(status.capacity.cliff, use.taken()))});
    }
    sink("\n");
    table.print(sink);
    if (all.size() > most_destinations)
        sink(fmt::format("and {} destinations with fewer\n", all.size() - most_destinations));
}

void print_listeners(const EphemeralStatus& status, const Sink& sink) {
    if (status.listeners.empty()) return;
    TextTable table{{"Netid"}, {"Port", Align::right}, {"Reserved"}, {"Listener in the range"}};
    for (const RangeListener& listener : status.listeners)
        table.add({std::string(proto_name(listener.proto)), fmt::to_string(listener.port),
                   listener.reserved ? "yes" : "no", listener.who});
    sink("\n");
    table.print(sink);
}

void print_presets(const EphemeralStatus& status, const Sink& sink) {
    TextTable table{{"Preset"}, {"Range"}, {"Ports", Align::right}, {"Per-second", Align::right}, {"System"}};
    for (const EphemeralPreset& preset : ephemeral_presets()) {
        const std::size_t ports = port_count(preset.range);
        table.add({std::string(preset.name), preset.range.to_string(), fmt::to_string(ports),
                   fmt::format("{:.1f}", rate_of(status, ports)), std::string(preset.description)});
    }
    sink("\n");
    table.print(sink);
}

}  // namespace

std::string range_picture(const EphemeralStatus& status) {
    constexpr std::uint32_t per_letter = 1024, letters = 64;
    std::string picture;
    for (std::uint32_t letter = 0; letter < letters; ++letter) {
        const PortRange cell{static_cast<std::uint16_t>(std::max(letter * per_letter, 1U)),
                             static_cast<std::uint16_t>(letter * per_letter + per_letter - 1)};
        const PortRange& range = status.settings.range;
        const PortRange part{std::max(cell.first, range.first), std::min(cell.last, range.last)};
        const bool outside = part.first > part.last;
        const bool listener = std::ranges::any_of(
            status.listeners, [&](const RangeListener& each) { return !each.reserved && cell.covers(each.port); });
        const std::size_t ports = outside ? 0 : port_count(part);
        const std::size_t taken = outside ? 0 : status.use.taken.count(part);
        const bool reserved = !outside && status.settings.reserved.count(part) == ports;
        const std::size_t tenths = outside ? 0 : (10 * taken + ports - 1) / ports;
        if (outside)
            picture += '.';
        else if (listener)
            picture += 'L';
        else if (reserved)
            picture += 'R';
        else
            picture += tenths == 0 ? '-' : static_cast<char>('0' + std::min<std::size_t>(tenths, 9));
    }
    return picture;
}

Json to_json(const EphemeralStatus& status) {
    Json destinations = Json::array();
    for (const DestinationUse& use : status.use.destinations)
        destinations.push_back(destination_json(status, use));
    Json listeners = Json::array();
    for (const RangeListener& listener : status.listeners)
        listeners.push_back({{"proto", proto_name(listener.proto)},
                             {"port", listener.port},
                             {"who", listener.who},
                             {"reserved", listener.reserved}});
    return Json{{"range", range_json(status.settings.range)},
                {"presets", presets_json(status)},
                {"ports", status.capacity.ports},
                {"reserved", reserved_json(status.settings.reserved)},
                {"usable", status.capacity.usable},
                {"cliff", status.capacity.cliff},
                {"in_use", status.use.ports_in_use},
                {"time_wait", status.use.ports_time_wait},
                {"time_wait_seconds", status.time_wait.count()},
                {"time_wait_reuse", time_wait_reuse_name(status.reuse)},
                {"sustainable_per_second", rate_of(status, status.capacity.usable)},
                {"destinations", std::move(destinations)},
                {"listeners", std::move(listeners)},
                {"pending", pending_json(status.pending)}};
}

void print_ephemeral_json(const EphemeralStatus& status, const Sink& sink) {
    print_json("ephemeral", to_json(status), sink);
}

void print_ephemeral_text(const EphemeralStatus& status, const Sink& sink) {
    print_facts(status, sink);
    print_picture(status, sink);
    print_destinations(status, sink);
    print_listeners(status, sink);
    print_presets(status, sink);
}

}  // namespace xdemux
