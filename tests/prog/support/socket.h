// SPDX-License-Identifier: BSD-2-Clause
// Real sockets of the test's own namespace. It asserts nothing.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/packet_builder.h"

namespace xdemux::test {

/// A socket of one family; the address is an IPv4 or IPv6 one, port 0 lets the kernel choose.
class Socket {
  public:
    Socket(int family, int type) : fd_(::socket(family, type | SOCK_CLOEXEC, 0)), family_(family) {
        if (fd_ < 0) fail("socket");
        set(SOL_SOCKET, SO_REUSEADDR, 1);
    }
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), family_(other.family_) {}
    Socket& operator=(Socket&&) = delete;
    ~Socket() { close(); }

    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    void set(int level, int option, int value) {
        if (::setsockopt(fd_, level, option, &value, sizeof(value)) != 0) fail("setsockopt");
    }
    void bind_to_device(const char* device) {
        if (::setsockopt(fd_, SOL_SOCKET, SO_BINDTODEVICE, device, static_cast<socklen_t>(std::strlen(device))) != 0)
            fail("SO_BINDTODEVICE");
    }
    Socket& bind(std::string_view address, std::uint16_t port = 0) {
        call("bind", ::bind, address, port);
        return *this;
    }
    Socket& connect(std::string_view address, std::uint16_t port) {
        call("connect", ::connect, address, port);
        return *this;
    }
    /// Does not wait for an answer.
    void begin_connect(std::string_view address, std::uint16_t port) {
        if (::fcntl(fd_, F_SETFL, O_NONBLOCK) != 0) fail("O_NONBLOCK");
        try {
            connect(address, port);
        } catch (const std::runtime_error&) {
            if (errno != EINPROGRESS) throw;
        }
    }
    Socket& listen() {
        if (::listen(fd_, 8) != 0) fail("listen");
        return *this;
    }
    [[nodiscard]] Socket accept() const {
        Socket accepted(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC), family_, Adopt{});
        if (accepted.fd_ < 0) fail("accept");
        return accepted;
    }
    [[nodiscard]] std::uint16_t port() const {
        sockaddr_storage storage{};
        socklen_t size = sizeof(storage);
        if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size) != 0) fail("getsockname");
        // sin6_port stands where sin_port does.
        return ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
    }
    [[nodiscard]] int fd() const { return fd_; }
    /// The kernel's number of it.
    [[nodiscard]] std::uint64_t cookie() const {
        std::uint64_t cookie = 0;
        socklen_t size = sizeof(cookie);
        if (::getsockopt(fd_, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) fail("SO_COOKIE");
        return cookie;
    }

  private:
    struct Adopt {};
    Socket(int fd, int family, Adopt) : fd_(fd), family_(family) {}

    [[noreturn]] static void fail(const char* what) {
        throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
    }
    void call(const char* what, auto function, std::string_view address, std::uint16_t port) const {
        const IpAddress ip = ip_address(address);
        sockaddr_in in4{};
        in4.sin_family = AF_INET;
        in4.sin_port = htons(port);
        std::memcpy(&in4.sin_addr, ip.bytes.data(), sizeof(in4.sin_addr));
        sockaddr_in6 in6{};
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(port);
        std::memcpy(&in6.sin6_addr, ip.bytes.data(), sizeof(in6.sin6_addr));
        const auto* to = ip.ipv6 ? reinterpret_cast<sockaddr*>(&in6) : reinterpret_cast<sockaddr*>(&in4);
        if (function(fd_, to, ip.ipv6 ? socklen_t{sizeof(in6)} : socklen_t{sizeof(in4)}) != 0) fail(what);
    }

    int fd_ = -1;
    int family_;
};

/// The number of IPv4 TCP sockets on `port` in `state`, as /proc/net/tcp has it.
int count_tcp_sockets(std::uint16_t port, const std::string& state);

}  // namespace xdemux::test
