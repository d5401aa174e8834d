// SPDX-License-Identifier: BSD-2-Clause
#include "flow.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/testbed.h"

namespace xdemux::bench {
namespace {

constexpr double ns_per_second = 1e9, bytes_per_kilobyte = 1000;

bool server_listens() {
    return std::system("ss -Hltn 'sport = :5201' | grep -q .") == 0;
}

std::string output_of(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "re"), &::pclose);
    if (!pipe) throw std::runtime_error("cannot run " + command + ": " + std::strerror(errno));
    std::string text;
    std::array<char, 4096> buffer{};
    while (const std::size_t length = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
        text.append(buffer.data(), length);
    return text;
}

}  // namespace

Flow::Flow() : server_(::fork()) {
    if (server_ < 0) throw std::runtime_error(std::string("cannot start iperf3: ") + std::strerror(errno));
    if (server_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int nowhere = ::open("/dev/null", O_RDWR);
        for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
            ::dup2(nowhere, standard);
        ::execlp("iperf3", "iperf3", "--server", "--bind", "127.0.0.1", nullptr);
        ::_exit(127);
    }
    if (!test::wait_until(server_listens))
        throw std::runtime_error("the iperf3 server does not listen; install iperf3, scripts/setup does");
}

Flow::~Flow() {
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
}

double Flow::run(std::chrono::seconds duration) const {
    const std::string said = output_of("iperf3 --client 127.0.0.1 --json --time " + std::to_string(duration.count()));
    const auto result = nlohmann::json::parse(said, nullptr, false);
    const auto error = result.is_object() ? result.value("error", "") : said;
    if (!error.empty()) throw std::runtime_error("iperf3 failed: " + error);
    const auto& received = result.at("end").at("sum_received");
    return received.at("seconds").get<double>() * ns_per_second * bytes_per_kilobyte /
           received.at("bytes").get<double>();
}

}  // namespace xdemux::bench
