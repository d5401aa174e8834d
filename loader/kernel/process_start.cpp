// SPDX-License-Identifier: BSD-2-Clause
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/process_start.h>
#include <xdemux/kernel/text_file.h>

namespace xdemux {
namespace {

std::optional<std::uint64_t> start_in(const std::string& text) {
    constexpr int field_of_parent = 4, field_of_start = 22;
    // The second field is the name, in brackets, and may hold anything; the third is the state.
    const auto bracket = text.rfind(')');
    if (bracket == std::string::npos) return std::nullopt;
    std::istringstream fields(text.substr(bracket + 1));
    char state = 0;
    std::string skipped;
    fields >> state;
    for (int field = field_of_parent; field < field_of_start; ++field)
        fields >> skipped;
    std::uint64_t start = 0;
    if (!(fields >> start) || state == 'Z' || state == 'X') return std::nullopt;
    return start;
}

}  // namespace

Result<std::optional<std::uint64_t>> process_start(pid_t pid) {
    const auto text = read_text_file(fmt::format("/proc/{}/stat", pid));
    if (!text) return fail(text.error());
    if (!*text) return std::optional<std::uint64_t>();
    auto start = start_in(**text);
    const std::int64_t ns_per_tick = 1'000'000'000 / ::sysconf(_SC_CLK_TCK);
    if (start) *start -= static_cast<std::uint64_t>(boot_offset_ns() / ns_per_tick);
    return start;
}

}  // namespace xdemux
