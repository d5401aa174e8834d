// SPDX-License-Identifier: BSD-2-Clause
#include "host_sockets.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "scenario.h"

namespace xdemux::bench {
namespace {

// Dual-stack.
Fd open_socket(int type, std::uint16_t port) {
    Fd socket(::socket(AF_INET6, type | SOCK_CLOEXEC, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    const bool open = socket.valid() &&
                      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                      (type != SOCK_STREAM || ::listen(socket.get(), 1) == 0);
    if (!open) throw std::runtime_error("cannot listen on port " + std::to_string(port) + ": " + std::strerror(errno));
    return socket;
}

}  // namespace

std::vector<Fd> open_host_sockets() {
    std::vector<Fd> sockets;
    for (const std::uint16_t port : host_ports)
        for (const int type : {SOCK_STREAM, SOCK_DGRAM})
            sockets.push_back(open_socket(type, port));
    return sockets;
}

}  // namespace xdemux::bench
