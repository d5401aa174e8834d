// SPDX-License-Identifier: BSD-2-Clause
#include "commands/command_line.h"

#include <cctype>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "commands/attach.h"
#include "commands/counter.h"
#include "commands/doctor.h"
#include "commands/ephemeral.h"
#include "commands/explain.h"
#include "commands/flow.h"
#include "commands/group.h"
#include "commands/instance.h"
#include "commands/listener.h"
#include "commands/monitor.h"
#include "commands/port.h"
#include "commands/reason.h"
#include "commands/scan.h"
#include "commands/settings.h"
#include "commands/socket.h"
#include "commands/table.h"
#include "commands/target.h"
#include "commands/upgrade.h"
#include "commands/verify.h"
#include "commands/xsk.h"

namespace xdemux {
namespace {

/// "xdemux listener add"
std::string words_of(const CLI::App* app) {
    if (app->get_parent() == nullptr) return "xdemux";
    return fmt::format("{} {}", words_of(app->get_parent()), app->get_name());
}

}  // namespace

CommandLine::CommandLine() : app_(std::make_unique<CLI::App>("the port table of a host, one layer earlier", "xdemux")) {
    app_->fallthrough();  // the global options stand anywhere
    app_->require_subcommand(0, 1);
    app_->set_help_flag("-h,--help", "print this help and exit");
    app_->set_version_flag("--version", std::string("xdemux " XDEMUX_VERSION), "print the version and exit");
    Command root(app_.get());
    root.add_option("--instance", options_.instance, "the instance to work on; \"default\" unless given")
        .type_name("NAME");
    root.add_option("--netns", options_.netns, "the network namespace to work in, by name or path").type_name("NAME");
    root.add_flag("--json", options_.json, "print JSON");
    root.add_flag("-v,--verbose", options_.verbose, "tell the verifier's whole log when it refuses the program");
    add_attach_commands(root, commands_);
    add_settings_commands(root, commands_);
    add_instance_commands(root, commands_);
    add_upgrade_command(root, commands_);
    add_listener_commands(root, commands_);
    add_flow_commands(root, commands_);
    add_group_commands(root, commands_);
    add_table_command(root, commands_);
    add_counter_commands(root, commands_);
    add_reason_commands(root, commands_);
    add_socket_commands(root, commands_);
    add_target_commands(root, commands_);
    add_scan_commands(root, commands_);
    add_xsk_commands(root, commands_);
    add_monitor_command(root, commands_);
    add_port_commands(root, commands_);
    add_ephemeral_commands(root, commands_);
    add_explain_command(root, commands_);
    add_verify_command(root, commands_);
    add_doctor_command(root, commands_);
}

CommandLine::~CommandLine() = default;

const CLI::App* CommandLine::selected() const {
    const CLI::App* at = app_.get();
    while (true) {
        const auto below = at->get_subcommands();
        if (below.empty()) return at;
        at = below.front();
    }
}

Error CommandLine::no_command(const CLI::App* object) const {
    const std::vector<std::string> left = app_->remaining(true);
    const std::string help = fmt::format("see \"{} --help\"", words_of(object));
    if (left.empty()) return {ErrorKind::usage, fmt::format("\"{}\" lacks a command; {}", words_of(object), help)};
    const char* what = left.front().starts_with('-') ? "option" : "command";
    return {ErrorKind::usage, fmt::format("unknown {} \"{}\"; {}", what, left.front(), help)};
}

Error CommandLine::usage_error(const CLI::ParseError& error) const {
    const CLI::App* command = selected();
    if (commands_.find(command) == nullptr) return no_command(command);
    std::string message = error.what();
    const std::vector<std::string> left = app_->remaining(true);
    if (!left.empty() && dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
        message = fmt::format("unexpected \"{}\" after \"{}\"", fmt::join(left, " "), words_of(command));
    // CLI11 begins some of its messages with a capital; the names of arguments stay as they are: "DEV is required".
    const bool sentence = message.size() > 1 && std::islower(static_cast<unsigned char>(message[1])) != 0;
    if (sentence) message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
    return {ErrorKind::usage, fmt::format("{}; see \"{} --help\"", message, words_of(command))};
}

Result<CommandLine::Request> CommandLine::parse(int argc, const char* const* argv) {
    try {
        app_->parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        const CLI::App* object = selected()->get_parent();
        return Request{options_, nullptr, selected()->help(object == nullptr ? "" : words_of(object))};
    } catch (const CLI::CallForVersion& version) {
        return Request{options_, nullptr, fmt::format("{}\n", version.what())};
    } catch (const CLI::ParseError& error) {
        return fail(usage_error(error));
    }
    const Runner* run = commands_.find(selected());
    if (run == nullptr) return fail(no_command(selected()));
    return Request{options_, run, ""};
}

}  // namespace xdemux
