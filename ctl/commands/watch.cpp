// SPDX-License-Identifier: BSD-2-Clause
#include "commands/watch.h"

#include <cerrno>
#include <csignal>

namespace xdemux {
namespace {

constexpr std::string_view clear_screen = "\033[H\033[2J";

/// Blocks the signals that end a watch, so that one which comes in the middle of a round is not lost.
class EndSignals {
  public:
    EndSignals() {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGINT);
        sigaddset(&signals_, SIGTERM);
        ::sigprocmask(SIG_BLOCK, &signals_, &previous_);
    }
    ~EndSignals() { ::sigprocmask(SIG_SETMASK, &previous_, nullptr); }
    EndSignals(const EndSignals&) = delete;
    EndSignals& operator=(const EndSignals&) = delete;

    /// Whether one came within the time.
    [[nodiscard]] bool wait(timespec limit) const {
        int signal = 0;
        do {
            signal = ::sigtimedwait(&signals_, nullptr, &limit);
        } while (signal < 0 && errno == EINTR);
        return signal > 0;
    }

  private:
    sigset_t signals_{};
    sigset_t previous_{};
};

}  // namespace

Status watch(Output& output, std::string_view separator, const std::function<Status()>& show) {
    const EndSignals signals;
    const bool terminal = Output::is_terminal();
    bool first = true;
    do {
        if (terminal) {
            output.write(clear_screen);
        } else if (!first) {
            output.write(separator);
        }
        first = false;
        if (auto shown = show(); !shown) return shown;
        if (auto written = output.flush(); !written) return written;
    } while (!signals.wait({1, 0}));
    return {};
}

}  // namespace xdemux
