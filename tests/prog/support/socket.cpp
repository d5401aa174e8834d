// SPDX-License-Identifier: BSD-2-Clause
#include "support/socket.h"

#include <fstream>

namespace xdemux::test {

int count_tcp_sockets(std::uint16_t port, const std::string& state) {
    std::ifstream file("/proc/thread-self/net/tcp");
    std::string line, number, local, remote, found;
    int count = 0;
    std::getline(file, line);
    while (file >> number >> local >> remote >> found) {
        if (std::stoi(local.substr(local.find(':') + 1), nullptr, 16) == port && found == state) count++;
        std::getline(file, line);
    }
    return count;
}

}  // namespace xdemux::test
