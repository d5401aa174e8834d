// SPDX-License-Identifier: BSD-2-Clause
// The signals that end a command which would go on for ever: SIGINT and SIGTERM. They are held back while it lives, so
// that one which comes in the middle of a round is not lost, and the round is finished.
#pragma once

#include <csignal>
#include <ctime>

#include <xdemux/base/fd.h>

namespace xdemux {

/// What a wait ended with.
enum class Woken {
    signal,
    reader_gone,  ///< of a pipe or socket that is written to
    other,
};

class EndSignals {
  public:
    EndSignals();
    ~EndSignals();
    EndSignals(const EndSignals&) = delete;
    EndSignals& operator=(const EndSignals&) = delete;

    /// Whether one came within the time.
    [[nodiscard]] bool wait(timespec limit) const;
    /// Until one comes, or `readable` is, or `written` has lost its reader, or the time is over.
    [[nodiscard]] Woken wait_for(int readable, int written, timespec limit) const;

  private:
    sigset_t signals_{};
    sigset_t previous_{};
    Fd pending_;  // readable while one waits
};

}  // namespace xdemux
