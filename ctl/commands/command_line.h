// SPDX-License-Identifier: BSD-2-Clause
// The tree of commands: which words there are, what each takes, and which function runs it. It does not run any.
#pragma once

#include <memory>
#include <string>

#include <xdemux/base/error.h>

#include "commands/command.h"
#include "commands/session.h"

namespace CLI {
class ParseError;
}  // namespace CLI

namespace xdemux {

class CommandLine {
  public:
    CommandLine();
    ~CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

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
    std::unique_ptr<CLI::App> app_;
    Commands commands_;
};

}  // namespace xdemux
