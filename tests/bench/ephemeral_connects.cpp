// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <chrono>
#include <cstring>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <xdemux/base/fd.h>

#include "ephemeral.h"
#include "ephemeral_support.h"

namespace xdemux::bench {
namespace {

constexpr PortRange kernel_ports{20000, 27999};
constexpr std::uint16_t first_leased = 40000;
constexpr std::uint16_t server_port = 9;
constexpr int steps = 40;

void check(bool right, const char* what) {
    if (!right) throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

/// The loopback address of a family, as connect(2) takes it.
struct Endpoint {
    sockaddr_storage storage{};
    socklen_t length = 0;

    Endpoint(Family family, std::uint16_t port) {
        if (family == Family::ipv4) {
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(port);
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            std::memcpy(&storage, &address, length = sizeof address);
        } else {
            sockaddr_in6 address{};
            address.sin6_family = AF_INET6;
            address.sin6_port = htons(port);
            address.sin6_addr = in6addr_loopback;
            std::memcpy(&storage, &address, length = sizeof address);
        }
    }
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Fd new_socket(Family family) {
    Fd socket(::socket(family == Family::ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    check(socket.valid(), "cannot make a socket");
    // Its end is a reset, so that no run leaves the next one ports in TIME_WAIT.
    const linger at_once{1, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return socket;
}

/// Its queue holds every connection; nobody accepts them.
Fd listen(Family family, int connections) {
    Fd server = new_socket(family);
    const Endpoint endpoint(family, server_port);
    check(::bind(server.get(), endpoint.get(), endpoint.length) == 0, "cannot bind the server");
    check(::listen(server.get(), connections + 1) == 0, "cannot listen");
    return server;
}

Address loopback(Family family) {
    return Address::parse(family == Family::ipv4 ? "127.0.0.1" : "::1").value();
}

/// Connects `count` times, and notes how fast it was in each part.
ConnectLine fill(std::string name, Family family, int count, PortAllocator* ports) {
    using Clock = std::chrono::steady_clock;
    const Fd server = listen(family, count);
    const Endpoint to(family, server_port);
    std::vector<Fd> clients;
    ConnectLine line{std::move(name), {}};
    for (int step = 0; step < steps; ++step) {
        const auto began = Clock::now();
        for (int i = 0; i < count / steps; ++i) {
            Fd client = new_socket(family);
            if (ports != nullptr) {
                const auto leased = must(ports->lease(Proto::tcp, loopback(family), {loopback(family), server_port}));
                const Endpoint from(family, leased.port);
                check(::bind(client.get(), from.get(), from.length) == 0, "cannot bind a leased port");
            }
            check(::connect(client.get(), to.get(), to.length) == 0, "cannot connect");
            clients.push_back(std::move(client));
        }
        const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
        line.points.emplace_back(100.0 * (step + 1) / steps, count / steps / seconds);
    }
    return line;
}

void allow_many_files(int connections) {
    constexpr rlim_t spare = 1000;
    rlimit limit{};
    check(::getrlimit(RLIMIT_NOFILE, &limit) == 0, "cannot read the limit of files");
    limit.rlim_cur = static_cast<rlim_t>(connections) + spare;
    limit.rlim_max = std::max(limit.rlim_max, limit.rlim_cur);
    check(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "cannot raise the limit of files");
}

}  // namespace

std::vector<ConnectLine> measure_connects(const EphemeralEffort& effort) {
    const int count = effort.connect;
    allow_many_files(count);
    must(write_ephemeral_settings(
        {{kernel_ports.first, static_cast<std::uint16_t>(kernel_ports.first + count - 1)}, {}}));
    const BenchInstance instance(65'536);
    std::vector<ConnectLine> lines;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        lines.push_back(fill(fmt::format("kernel, {}", family_name(family)), family, count, nullptr));
        auto ports = instance.allocator({first_leased, static_cast<std::uint16_t>(first_leased + count - 1)});
        lines.push_back(fill(fmt::format("leased, {}", family_name(family)), family, count, &ports));
    }
    return lines;
}

}  // namespace xdemux::bench
