// SPDX-License-Identifier: BSD-2-Clause
// How the files of the objects say which words and options there are, and what runs a command. CLI11 stands behind it,
// and behind command_line.h, alone: each file that includes it takes twice as long to compile. It runs nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <xdemux/base/error.h>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace xdemux {

class Session;

/// An option, or an argument that has no dashes, of a command. Copies mean the same one.
class Option {
  public:
    explicit Option(CLI::Option* option) : option_(option) {}

    /// What the help calls its value.
    Option type_name(const char* name);
    Option required();
    /// Not both of them.
    Option excludes(Option other);
    Option excludes(const char* other);
    /// Not without the other.
    Option needs(Option other);
    /// So many values follow it.
    Option values(int count);
    /// One value follows it, and no more, each time that it is given: else it would swallow what stands behind it.
    Option one_value_each();
    /// The help tells what the variable has been set to.
    Option show_default();

  private:
    CLI::Option* option_;
};

/// A word of the command line, and what may follow it. Copies mean the same one.
class Command {
  public:
    explicit Command(CLI::App* app) : app_(app) {}

    /// A word that commands follow: `listener`.
    Command add_object(const char* name, const char* what);
    Command add_command(const char* name, const char* what);

    /// What is given is written to the variable, which has to live as long.
    Option add_option(const char* name, std::string& value, const char* what);
    Option add_option(const char* name, std::optional<std::string>& value, const char* what);
    Option add_option(const char* name, std::vector<std::string>& values, const char* what);
    Option add_option(const char* name, std::uint32_t& value, const char* what);
    Option add_option(const char* name, std::uint64_t& value, const char* what);
    Option add_option(const char* name, double& value, const char* what);
    Option add_flag(const char* name, bool& given, const char* what);

    [[nodiscard]] const CLI::App* app() const { return app_; }

  private:
    CLI::App* app_;
};

/// Runs a command whose options have been read.
using Runner = std::function<Status(Session& session)>;

/// What each command is run by. The files of the objects fill it in.
class Commands {
  public:
    void add(Command command, Runner runner) { runners_.emplace(command.app(), std::move(runner)); }
    /// nullptr where it is no command, but the object of some.
    [[nodiscard]] const Runner* find(const CLI::App* app) const;

  private:
    std::map<const CLI::App*, Runner> runners_;
};

}  // namespace xdemux
