// SPDX-License-Identifier: BSD-2-Clause
#include "shared/shell.h"

#include <array>
#include <cstdio>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/wait.h>

namespace xdemux::test {

std::string run(const std::string& command) {
    FILE* pipe = ::popen(fmt::format("{{ {} ; }} 2>&1", command).c_str(), "re");
    if (pipe == nullptr) throw std::runtime_error(fmt::format("cannot run \"{}\"", command));
    std::string output;
    std::array<char, 4096> chunk;
    while (const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), pipe))
        output.append(chunk.data(), size);
    const int status = ::pclose(pipe);
    if (status != 0)
        throw std::runtime_error(fmt::format("\"{}\" ended with status {}: {}", command,
                                             WIFEXITED(status) ? WEXITSTATUS(status) : status, output));
    return output;
}

}  // namespace xdemux::test
