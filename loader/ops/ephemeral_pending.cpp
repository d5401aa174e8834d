// SPDX-License-Identifier: BSD-2-Clause
#include "ephemeral_pending.h"

#include <cerrno>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/kernel/detached.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/kernel/text_file.h>

#include "whole_file.h"

namespace xdemux {
namespace {

constexpr std::string_view first_line = "xdemux ephemeral 1";

Result<std::string> name_of_namespace() {
    const auto cookie = netns_cookie();
    if (!cookie) return fail(cookie.error());
    return fmt::format("ephemeral-{}", *cookie);
}

Result<std::string> pending_path() {
    const auto name = name_of_namespace();
    if (!name) return fail(name.error());
    return fmt::format("{}/{}.pending", InstanceLock::default_directory, *name);
}

void write_settings(std::string& text, std::string_view word, const EphemeralSettings& settings) {
    text += fmt::format("{} {} {} {}\n", word, settings.range.first, settings.range.last,
                        settings.reserved.empty() ? "-" : settings.reserved.to_string());
}

std::optional<EphemeralSettings> read_settings(std::istream& stream, std::string_view word) {
    std::string found, reserved;
    EphemeralSettings settings;
    if (!(stream >> found >> settings.range.first >> settings.range.last >> reserved) || found != word)
        return std::nullopt;
    const auto ports = PortSet::parse(reserved == "-" ? "" : reserved);
    if (!ports) return std::nullopt;
    settings.reserved = *ports;
    return settings;
}

/// What the process that waits does at the deadline: nothing where another record stands there by then.
void take_back(const PendingRecord& record) {
    const auto lock = lock_ephemeral();
    if (!lock) return;
    const auto pending = read_pending();
    if (!pending || *pending != record) return;
    const auto now = read_ephemeral_settings();
    if (now && write_ephemeral_settings(taken_back(*now, record))) (void)remove_pending();
}

void wait_and_take_back(const std::string& path, const PendingRecord& record) {
    // The file may have been replaced before the watch was set: then the record is another one.
    while (!wait_while_file_stays(path.c_str(), record.deadline_ns)) {
        const auto pending = read_pending();
        if (!pending || *pending != record) return;
    }
    take_back(record);
}

}  // namespace

std::string to_text(const PendingRecord& record) {
    std::string text = fmt::format("{}\ndeadline {}\n", first_line, record.deadline_ns);
    write_settings(text, "fallback", record.fallback);
    write_settings(text, "written", record.written);
    return text;
}

std::optional<PendingRecord> parse_pending(const std::string& text) {
    std::istringstream stream(text);
    std::string line, word;
    PendingRecord record;
    if (!std::getline(stream, line) || line != first_line) return std::nullopt;
    if (!(stream >> word >> record.deadline_ns) || word != "deadline") return std::nullopt;
    const auto fallback = read_settings(stream, "fallback");
    const auto written = read_settings(stream, "written");
    if (!fallback || !written) return std::nullopt;
    record.fallback = *fallback;
    record.written = *written;
    return record;
}

EphemeralSettings taken_back(const EphemeralSettings& now, const PendingRecord& record) {
    EphemeralSettings settings = now;
    if (now.range == record.written.range) settings.range = record.fallback.range;
    PortSet added = record.written.reserved;
    added.remove(record.fallback.reserved);
    PortSet removed = record.fallback.reserved;
    removed.remove(record.written.reserved);
    settings.reserved.remove(added);
    settings.reserved.add(removed);
    return settings;
}

Result<InstanceLock> lock_ephemeral() {
    const auto name = name_of_namespace();
    if (!name) return fail(name.error());
    return InstanceLock::acquire(*name);
}

Result<std::optional<PendingRecord>> read_pending() {
    const auto path = pending_path();
    if (!path) return fail(path.error());
    const auto text = read_text_file(*path);
    if (!text) return fail(text.error());
    if (!*text) return std::optional<PendingRecord>();
    const auto record = parse_pending(**text);
    if (record) return record;
    return fail(ErrorKind::failed, fmt::format("\"{}\" is not readable as a change that waits; look at it, restore the "
                                               "settings by hand and delete it",
                                               *path));
}

Status write_pending(const PendingRecord& record) {
    const auto path = pending_path();
    if (!path) return fail(path.error());
    if (auto written = write_whole_file(*path, to_text(record)); !written) return written;
    auto waiting = run_detached("xdemux-rollback", [&] { wait_and_take_back(*path, record); });
    if (!waiting) (void)remove_pending();
    return waiting;
}

Status remove_pending() {
    const auto path = pending_path();
    if (!path) return fail(path.error());
    if (::unlink(path->c_str()) == 0 || errno == ENOENT) return {};
    return fail_system(errno, fmt::format("cannot remove \"{}\"", *path));
}

}  // namespace xdemux
