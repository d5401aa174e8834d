// SPDX-License-Identifier: BSD-2-Clause
#include "commands/watch.h"

#include "commands/end_signals.h"

namespace xdemux {
namespace {

constexpr std::string_view clear_screen = "\033[H\033[2J";

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
