// SPDX-License-Identifier: BSD-2-Clause
#include "crowd.h"

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crowd_addresses.h"
#include "support/bpf_maps.h"

namespace xdemux::bench {
namespace {

constexpr rlim_t other_files = 200;  // that a process has open besides, with room

sockaddr_in at(std::uint32_t address, std::uint32_t port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_addr.s_addr = htonl(address);
    made.sin_port = htons(static_cast<std::uint16_t>(port));
    return made;
}

// Of the loopback network, a port each.
sockaddr_in address_of(std::uint32_t index) {
    return at(CROWD_NET + 2 + index / CROWD_PER_ADDRESS, CROWD_FIRST_PORT + index % CROWD_PER_ADDRESS);
}

const sockaddr* generic(const sockaddr_in& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Fd bound(int type, std::uint32_t index) {
    Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const sockaddr_in address = address_of(index);
    if (!socket.valid() || ::bind(socket.get(), generic(address), sizeof(address)) != 0)
        test::give_up("cannot bind a socket");
    return socket;
}

// Without it, a closed connection would stay for a minute in TIME_WAIT.
void reset_on_close(const Fd& socket) {
    const linger at_once{1, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

// The sockets [first, last) of each protocol; a pair of TCP sockets has the first one's address and the listener's.
std::vector<Fd> open_sockets(std::uint32_t first, std::uint32_t last, std::uint32_t each) {
    std::vector<Fd> sockets;
    Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in server = at(CROWD_SERVERS + first / each, CROWD_SERVER_PORT);
    if (!listener.valid() || ::bind(listener.get(), generic(server), sizeof(server)) != 0 ||
        ::listen(listener.get(), 1) != 0)
        test::give_up("cannot listen on loopback");
    for (std::uint32_t index = first; index < last; index++) {
        sockets.push_back(bound(SOCK_DGRAM, index));
        if (index % 2 != 0) continue;
        Fd client = bound(SOCK_STREAM, index);
        if (::connect(client.get(), generic(server), sizeof(server)) != 0)
            test::give_up("cannot connect over loopback");
        reset_on_close(client);
        sockets.push_back(std::move(client));
        sockets.emplace_back(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!sockets.back().valid()) test::give_up("cannot accept a connection");
    }
    return sockets;
}

// In the child: holds the sockets until it is killed; what stopped it goes to the pipe, or one zero byte.
[[noreturn]] void hold(std::uint32_t first, std::uint32_t last, std::uint32_t each, const Fd& tell) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::string word(1, '\0');
    try {
        const auto sockets = open_sockets(first, last, each);
        if (::write(tell.get(), word.data(), word.size()) != 1) ::_exit(1);
        for (;;)
            ::pause();
    } catch (const std::exception& error) {
        word = error.what();
    }
    ::_exit(::write(tell.get(), word.data(), word.size()) < 0 ? 2 : 1);
}

// As many as this system lets one process have.
rlim_t raise_file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) test::give_up("cannot read the limit of open files");
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) test::give_up("cannot raise the limit of open files");
    if (limit.rlim_cur < 2 * other_files) throw std::runtime_error("too few files may be open; raise ulimit -n");
    return limit.rlim_cur;
}

}  // namespace

Crowd::Crowd(std::uint32_t count) : count_(count) {
    if (count == 0) return;
    constexpr rlim_t most = 50'000;  // in one process: closing goes on side by side
    each_ = static_cast<std::uint32_t>(std::min(most, (raise_file_limit() - other_files) / 2)) & ~1U;
    try {
        for (std::uint32_t first = 0; first < count; first += each_)
            add_holder(first, std::min(count, first + each_));
    } catch (...) {
        end();
        throw;
    }
}

Crowd::~Crowd() {
    end();
}

void Crowd::add_holder(std::uint32_t first, std::uint32_t last) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) test::give_up("cannot make a pipe");
    const Fd hear(ends[0]);
    Fd tell(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) test::give_up("cannot start a process for sockets");
    if (pid == 0) hold(first, last, each_, tell);
    holders_.push_back(pid);
    tell = Fd();
    char said[200];
    const ssize_t length = ::read(hear.get(), said, sizeof(said));
    if (length == 1 && said[0] == '\0') return;
    throw std::runtime_error("cannot open " + std::to_string(count_) + " sockets of each protocol: " +
                             std::string(said, static_cast<std::size_t>(std::max<ssize_t>(length, 0))));
}

void Crowd::end() {
    for (const pid_t pid : holders_)
        ::kill(pid, SIGKILL);
    for (const pid_t pid : holders_)
        ::waitpid(pid, nullptr, 0);
    holders_.clear();
}

}  // namespace xdemux::bench
