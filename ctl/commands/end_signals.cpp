// SPDX-License-Identifier: BSD-2-Clause
#include "commands/end_signals.h"

#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/signalfd.h>

namespace xdemux {

EndSignals::EndSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &signals_, &previous_);
    pending_.reset(::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK));
}

EndSignals::~EndSignals() {
    ::sigprocmask(SIG_SETMASK, &previous_, nullptr);
}

bool EndSignals::wait(timespec limit) const {
    int signal = 0;
    do {
        signal = ::sigtimedwait(&signals_, nullptr, &limit);
    } while (signal < 0 && errno == EINTR);
    return signal > 0;
}

Woken EndSignals::wait_for(int readable, int written, timespec limit) const {
    // POLLERR is told unasked.
    std::array<pollfd, 3> watched{{{pending_.get(), POLLIN, 0}, {readable, POLLIN, 0}, {written, 0, 0}}};
    ::ppoll(watched.data(), watched.size(), &limit, nullptr);
    if (wait({0, 0})) return Woken::signal;
    return (watched[2].revents & POLLERR) != 0 ? Woken::reader_gone : Woken::other;
}

}  // namespace xdemux
