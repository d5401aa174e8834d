// SPDX-License-Identifier: BSD-2-Clause
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include <xdemux/kernel/process_start.h>

namespace xdemux {

std::optional<std::uint64_t> process_start(pid_t pid) {
    constexpr int field_of_parent = 4, field_of_start = 22;
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string text;
    if (!std::getline(file, text)) return std::nullopt;
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

}  // namespace xdemux
