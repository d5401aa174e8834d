// SPDX-License-Identifier: BSD-2-Clause
// Options that several commands share, and how their text becomes a value. It neither opens an instance nor prints.
#pragma once

#include <chrono>
#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/safeguard.h>
#include <xdemux/policy/filter.h>
#include <xdemux/policy/settings.h>

#include "commands/command.h"
#include "render/port_names.h"

namespace xdemux {

/// A whole decimal number within the limits; `what` names it in the message. ErrorKind::usage.
Result<std::uint64_t> parse_number(std::string_view text, std::string_view what, std::uint64_t least,
                                   std::uint64_t most);

/// --dry-run
void add_dry_run(Command command, bool& dry_run);
/// What --to takes, for the help.
inline constexpr const char* target_forms =
    "pass, drop, reject, cpu:N, cpu:N-M, dev:IFNAME, group:NAME, xsk:NAME or socket:NAME";

/// --force, of what would be refused with ErrorKind::refused.
void add_force(Command command, bool& force);
/// What a command must not cut off; nothing with --force.
Result<std::optional<Safeguard>> safeguard_unless(bool force);

/// --monitor|--enforce and --closed; --host is the part of those who take it.
struct SettingsArguments {
    bool monitor = false;
    bool enforce = false;
    bool host = false;
    bool no_host = false;
    std::string closed;
    std::string confirm;  ///< seconds

    /// ErrorKind::usage.
    [[nodiscard]] Result<SettingsChange> change() const;
    [[nodiscard]] Result<std::optional<std::chrono::seconds>> confirm_within() const;
};
/// --monitor, --enforce, --closed, --no-host, --confirm.
void add_settings_options(Command command, SettingsArguments& arguments);

/// FILTER -4 -6 -n
struct FilterArguments {
    std::vector<std::string> words;
    bool ipv4 = false;
    bool ipv6 = false;
    bool numeric = false;

    /// ErrorKind::usage.
    [[nodiscard]] Result<Filter> filter() const;
    [[nodiscard]] PortNames names() const { return numeric ? PortNames() : PortNames::system(); }
};
void add_filter_options(Command command, FilterArguments& arguments);

/// What `--batch FILE` reads; "-" is standard input.
class BatchInput {
  public:
    /// Errors as open(2)'s.
    static Result<BatchInput> open(const std::string& path);

    [[nodiscard]] std::istream& stream() const { return *stream_; }
    /// As messages name it.
    [[nodiscard]] const std::string& name() const { return name_; }

  private:
    BatchInput(std::unique_ptr<std::istream> owned, std::istream* stream, std::string name)
        : owned_(std::move(owned)), stream_(stream), name_(std::move(name)) {}

    std::unique_ptr<std::istream> owned_;  ///< none: of standard input
    std::istream* stream_;
    std::string name_;
};

}  // namespace xdemux
