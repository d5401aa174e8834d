// SPDX-License-Identifier: BSD-2-Clause
#include "commands/options.h"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <iostream>

#include <fmt/format.h>

namespace xdemux {

Result<std::uint64_t> parse_number(std::string_view text, std::string_view what, std::uint64_t least,
                                   std::uint64_t most) {
    std::uint64_t number = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (end != last || error == std::errc::invalid_argument)
        return fail(ErrorKind::usage, fmt::format("{} \"{}\" is not a number from {} to {}", what, text, least, most));
    if (error != std::errc() || number < least || number > most)
        return fail(ErrorKind::usage, fmt::format("{} {} is outside {}-{}", what, text, least, most));
    return number;
}

void add_dry_run(Command command, bool& dry_run) {
    command.add_flag("--dry-run", dry_run, "check everything, change nothing");
}

void add_force(Command command, bool& force) {
    command.add_flag("--force", force, "even where it would cut off your own connection, or live traffic");
}

Result<std::optional<Safeguard>> safeguard_unless(bool force) {
    if (force) return std::nullopt;
    return own_safeguard();
}

Result<SettingsChange> SettingsArguments::change() const {
    SettingsChange change;
    if (monitor) change.mode = Mode::monitor;
    if (enforce) change.mode = Mode::enforce;
    if (host) change.host = true;
    if (no_host) change.host = false;
    if (!closed.empty()) {
        const auto policy = parse_closed_policy(closed);
        if (!policy) return fail(policy.error());
        change.closed = *policy;
    }
    return change;
}

Result<std::optional<std::chrono::seconds>> SettingsArguments::confirm_within() const {
    constexpr std::uint64_t a_day = 86'400;
    if (confirm.empty()) return std::optional<std::chrono::seconds>();
    const auto seconds = parse_number(confirm, "--confirm", 1, a_day);
    if (!seconds) return fail(seconds.error());
    return std::chrono::seconds(*seconds);
}

void add_settings_options(Command command, SettingsArguments& arguments) {
    Option monitor = command.add_flag("--monitor", arguments.monitor, "count what would be done, do nothing");
    command.add_flag("--enforce", arguments.enforce, "drop and reject for real").excludes(monitor);
    command
        .add_option("--closed", arguments.closed, "what becomes of packets to closed endpoints: pass, drop or reject")
        .type_name("POLICY");
    command.add_flag("--no-host", arguments.no_host, "do not ask the host's own sockets");
    command
        .add_option("--confirm", arguments.confirm,
                    "go back by itself after so many seconds, 1 to 86400, unless xdemux confirm is run")
        .type_name("SECONDS");
}

Result<Filter> FilterArguments::filter() const {
    auto filter = Filter::parse(words);
    if (!filter || ipv4 == ipv6) return filter;
    return filter->only(ipv4 ? Family::ipv4 : Family::ipv6);
}

void add_filter_options(Command command, FilterArguments& arguments) {
    command.add_option("FILTER", arguments.words,
                       "in the words of ss(8): state listening, sport = :443, dst 10.0.0.0/8");
    command.add_flag("-4", arguments.ipv4, "IPv4 alone");
    command.add_flag("-6", arguments.ipv6, "IPv6 alone");
    command.add_flag("-n,--numeric", arguments.numeric, "numbers, no service names");
}

Result<BatchInput> BatchInput::open(const std::string& path) {
    if (path == "-") return BatchInput(nullptr, &std::cin, "standard input");
    errno = 0;
    auto file = std::make_unique<std::ifstream>(path);
    const int error_number = errno;
    if (!file->is_open())
        return fail_system(error_number != 0 ? error_number : EIO, fmt::format("cannot open \"{}\"", path));
    std::istream* stream = file.get();
    return BatchInput(std::move(file), stream, path);
}

}  // namespace xdemux
