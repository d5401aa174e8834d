// SPDX-License-Identifier: BSD-2-Clause
// Datagrams that come in while something changes, counted at both ends. It asserts nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/netns.h>

#include "support/netns_fixture.h"

namespace xdemux::test {

/// Sends datagrams from the peer, at most a few ahead of the receiver, and counts those that arrive.
class Traffic {
  public:
    static constexpr std::uint16_t port = 5353;

    explicit Traffic(std::string peer)
        : receiver_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), thread_([this, peer] { send_from(peer); }) {}
    ~Traffic() { stop(); }

    void stop() {
        stopping_ = true;
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    [[nodiscard]] std::uint64_t received() const { return received_; }
    [[nodiscard]] bool lost() const { return lost_; }

  private:
    static sockaddr_in address() {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        ::inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
        return to;
    }

    void send_from(const std::string& peer) {
        const auto to = address();
        const int milliseconds = patience_ms(2000);
        const timeval patience{milliseconds / 1000, milliseconds % 1000 * 1000};
        ::setsockopt(receiver_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (::bind(receiver_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return;
        const auto scope = NetnsScope::enter(peer);
        const Fd sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        while (!stopping_ && !lost_) {
            ::sendto(sender.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
            ++sent_;
            if (sent_ - received_ >= window) receive();
        }
        while (received_ < sent_ && !lost_)
            receive();
    }

    void receive() {
        char byte;
        if (::recv(receiver_.get(), &byte, 1, 0) == 1) {
            ++received_;
        } else {
            lost_ = true;
        }
    }

    static constexpr std::uint64_t window = 32;
    Fd receiver_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> lost_{false};
    std::atomic<std::uint64_t> sent_{0};
    std::atomic<std::uint64_t> received_{0};
    std::thread thread_;
};

}  // namespace xdemux::test
