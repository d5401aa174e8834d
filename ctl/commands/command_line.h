// SPDX-License-Identifier: BSD-2-Clause
// The tree of commands: which words there are, what each takes, and which function runs it. It does not run any.
#pragma once

#include <functional>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include <xdemux/base/error.h>

#include "commands/session.h"

namespace xdemux {

/// Runs a command whose options have been read.
using Runner = std::function<Status(Session& session)>;

/// What each command is run by. The files of the objects fill it in.
class Commands {
  public:
    /// A command: the last word of those that name it.
    void add(const CLI::App* app, Runner runner) { runners_.emplace(app, std::move(runner)); }
    /// nullptr where it is no command, but the object of some.
    [[nodiscard]] const Runner* find(const CLI::App* app) const;

  private:
    std::map<const CLI::App*, Runner> runners_;
};

class CommandLine {
  public:
    CommandLine();

    /// What was asked for. Text is to be printed (--help, --version), and nothing to be run, where there is no runner.
    struct Request {
        GlobalOptions options;
        const Runner* run = nullptr;
        std::string text;
    };
    /// ErrorKind::usage.
    Result<Request> parse(int argc, const char* const* argv);

  private:
    [[nodiscard]] const CLI::App* selected() const;
    [[nodiscard]] Error usage_error(const CLI::ParseError& error) const;
    [[nodiscard]] Error no_command(const CLI::App* object) const;

    GlobalOptions options_;
    CLI::App app_;
    Commands commands_;
};

}  // namespace xdemux
