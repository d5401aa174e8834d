// SPDX-License-Identifier: BSD-2-Clause
#include "commands/command.h"

#include <CLI/CLI.hpp>

namespace xdemux {

Option Option::type_name(const char* name) {
    return Option(option_->type_name(name));
}

Option Option::required() {
    return Option(option_->required());
}

Option Option::excludes(Option other) {
    return Option(option_->excludes(other.option_));
}

Option Option::excludes(const char* other) {
    return Option(option_->excludes(other));
}

Option Option::needs(Option other) {
    return Option(option_->needs(other.option_));
}

Option Option::values(int count) {
    return Option(option_->expected(count));
}

Option Option::one_value_each() {
    option_->type_size(1)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return Option(option_->allow_extra_args(false));
}

Option Option::show_default() {
    return Option(option_->capture_default_str());
}

Command Command::add_object(const char* name, const char* what) {
    return Command(app_->add_subcommand(name, what)->require_subcommand(0, 1));
}

Command Command::add_command(const char* name, const char* what) {
    return Command(app_->add_subcommand(name, what));
}

Option Command::add_option(const char* name, std::string& value, const char* what) {
    return Option(app_->add_option(name, value, what));
}

Option Command::add_option(const char* name, std::optional<std::string>& value, const char* what) {
    return Option(app_->add_option(name, value, what));
}

Option Command::add_option(const char* name, std::vector<std::string>& values, const char* what) {
    return Option(app_->add_option(name, values, what));
}

Option Command::add_option(const char* name, std::uint32_t& value, const char* what) {
    return Option(app_->add_option(name, value, what));
}

Option Command::add_option(const char* name, std::uint64_t& value, const char* what) {
    return Option(app_->add_option(name, value, what));
}

Option Command::add_option(const char* name, double& value, const char* what) {
    return Option(app_->add_option(name, value, what));
}

Option Command::add_flag(const char* name, bool& given, const char* what) {
    return Option(app_->add_flag(name, given, what));
}

const Runner* Commands::find(const CLI::App* app) const {
    const auto found = runners_.find(app);
    return found == runners_.end() ? nullptr : &found->second;
}

}  // namespace xdemux
