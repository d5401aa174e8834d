// SPDX-License-Identifier: BSD-2-Clause
// xdemux, the control tool: the command line, the namespace, the command, the exit code. Exceptions stop here.
#include <csignal>
#include <exception>
#include <new>
#include <optional>

#include <fmt/format.h>

#include <xdemux/ops/netns.h>

#include "commands/command_line.h"
#include "commands/output.h"

namespace xdemux {
namespace {

int exit_code(const Error& error) {
    return static_cast<int>(error.kind());
}

int complain(const Error& error) {
    tell(fmt::format("xdemux: {}", error.message()));
    return exit_code(error);
}

Status run_command(const CommandLine::Request& request, Session& session) {
    if (request.run == nullptr) {
        session.output().write(request.text);
        return {};
    }
    std::optional<NetnsScope> scope;
    if (!request.options.netns.empty()) {
        auto entered = NetnsScope::enter(request.options.netns);
        if (!entered) return fail(entered.error());
        scope.emplace(std::move(*entered));
    }
    return (*request.run)(session);
}

int run(int argc, char** argv) {
    CommandLine command_line;
    const auto request = command_line.parse(argc, argv);
    if (!request) return complain(request.error());
    Session session(request->options);
    const Status done = run_command(*request, session);
    // What was found before a failure is data too.
    const Status written = session.output().flush();
    if (!done) return complain(done.error());
    return written ? 0 : complain(written.error());
}

}  // namespace
}  // namespace xdemux

int main(int argc, char** argv) {
    try {
        xdemux::reserve_standard_streams();
        std::signal(SIGPIPE, SIG_IGN);
        return xdemux::run(argc, argv);
    } catch (const std::bad_alloc&) {
        xdemux::tell("xdemux: out of memory");
    } catch (const std::exception& error) {
        xdemux::tell(fmt::format("xdemux: {}", error.what()));
    }
    return static_cast<int>(xdemux::ErrorKind::failed);
}
