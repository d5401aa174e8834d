// SPDX-License-Identifier: BSD-2-Clause
// A UDP echo server on AF_XDP, beside others and the kernel on the same interface:
//
//     xdemux attach eth0 --enforce
//     xdemux listener add udp '*:7' --to xsk:echo
//     xsk_echo default echo eth0 0 1
//
// serves what comes on the queues 0 and 1 of eth0 to port 7, in one thread. What comes on other queues goes to the
// kernel, and everything once this ends.
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string_view>
#include <vector>

#include <poll.h>

#include <xdemux/ops/xsk_consumer.h>

#include "echo.h"

namespace {

volatile std::sig_atomic_t ended = 0;

struct Tally {
    std::uint64_t answered = 0;
    std::uint64_t ignored = 0;
};

/// All that waits on one queue.
xdemux::Status serve(xdemux::XskSocket& socket, Tally& tally) {
    std::array<xdemux::XskFrame, 64> frames;
    while (const std::size_t count = socket.receive(frames)) {
        for (auto& frame : std::span(frames).first(count)) {
            if (turn_round(frame.bytes) && socket.send(frame)) {
                ++tally.answered;
            } else {
                socket.release(frame);
                ++tally.ignored;
            }
        }
        if (auto flushed = socket.flush(); !flushed) return flushed;
    }
    return socket.flush();
}

/// Until a signal ends it; it comes while nothing is under way.
xdemux::Status serve_all(std::vector<xdemux::XskSocket>& sockets, const sigset_t& waiting, Tally& tally) {
    std::vector<pollfd> polled;
    polled.reserve(sockets.size());
    for (const auto& socket : sockets)
        polled.push_back({socket.fd(), POLLIN, 0});
    while (ended == 0) {
        if (::ppoll(polled.data(), polled.size(), nullptr, &waiting) < 0 && errno != EINTR)
            return xdemux::fail_system(errno, "cannot wait for packets");
        for (std::size_t i = 0; i < sockets.size(); ++i) {
            if ((polled[i].revents & POLLERR) != 0)
                return xdemux::fail(xdemux::ErrorKind::failed, "the interface is gone, or has left the namespace");
            if (auto served = serve(sockets[i], tally); !served) return served;
        }
    }
    return {};
}

/// Blocks the signals that end it, but while it waits; what to wait with.
sigset_t watch_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { ended = 1; };
    sigset_t ending;
    sigemptyset(&ending);
    for (const int signal : {SIGINT, SIGTERM}) {
        ::sigaction(signal, &action, nullptr);
        sigaddset(&ending, signal);
    }
    sigset_t waiting;
    ::sigprocmask(SIG_BLOCK, &ending, &waiting);
    return waiting;
}

xdemux::Result<std::vector<std::uint32_t>> read_queues(std::span<char*> words) {
    std::vector<std::uint32_t> queues;
    for (const char* word : words) {
        std::uint32_t queue = 0;
        const char* end = word + std::strlen(word);
        if (const auto read = std::from_chars(word, end, queue); read.ec != std::errc() || read.ptr != end)
            return xdemux::fail(xdemux::ErrorKind::usage, std::string("\"") + word + "\" is no queue");
        queues.push_back(queue);
    }
    return queues;
}

xdemux::Status run(std::string_view instance, std::string_view name, std::string_view dev, std::span<char*> words) {
    const auto queues = read_queues(words);
    if (!queues) return xdemux::fail(queues.error());
    const sigset_t waiting = watch_signals();
    auto consumer = xdemux::XskConsumer::open(name, {std::string(instance)});
    if (!consumer) return xdemux::fail(consumer.error());
    std::vector<xdemux::XskSocket> sockets;
    for (const std::uint32_t queue : *queues) {
        auto socket = consumer->open_queue(dev, queue);
        if (!socket) return xdemux::fail(socket.error());
        sockets.push_back(std::move(*socket));
    }
    std::cout << "serving" << std::endl;
    Tally tally;
    auto served = serve_all(sockets, waiting, tally);
    // What came before this is still answered; nothing comes after it.
    if (auto withdrawn = consumer->withdraw(); !withdrawn) return withdrawn;
    for (auto& socket : sockets) {
        if (served) served = serve(socket, tally);
    }
    std::cout << tally.answered << " answered, " << tally.ignored << " ignored" << std::endl;
    return served;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::cerr << "usage: xsk_echo INSTANCE NAME DEV QUEUE...\n";
        return EXIT_FAILURE;
    }
    const auto done = run(argv[1], argv[2], argv[3], std::span(argv, static_cast<std::size_t>(argc)).subspan(4));
    if (!done) std::cerr << "xsk_echo: " << done.error().message() << "\n";
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
