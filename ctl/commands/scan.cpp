// SPDX-License-Identifier: BSD-2-Clause
#include "commands/scan.h"

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <xdemux/ops/blocks.h>
#include <xdemux/ops/moment.h>
#include <xdemux/ops/scans.h>
#include <xdemux/ops/settings.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/scans.h"

namespace xdemux {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t longest_block = 30 * 86'400;

struct ListArguments {
    std::string min_endpoints;
    std::string since;
    std::string top;
    std::string block;
    bool dry_run = false;
};

struct BlockArguments {
    std::string source;
    std::string duration;
    bool all = false;
    bool dry_run = false;
};

Result<Address> parse_source(const std::string& text) {
    auto address = Address::parse(text);
    if (!address) return fail(address.error());
    return address;
}

Result<seconds> parse_duration(std::string_view text, std::string_view what) {
    const auto number = parse_number(text, what, 1, longest_block);
    if (!number) return fail(number.error());
    return seconds(*number);
}

Result<ScanSelection> selection_of(const ListArguments& arguments) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    ScanSelection selection;
    if (!arguments.min_endpoints.empty()) {
        const auto least = parse_number(arguments.min_endpoints, "--min-endpoints", 1, most);
        if (!least) return fail(least.error());
        selection.min_endpoints = *least;
    }
    if (!arguments.since.empty()) {
        const auto since = parse_number(arguments.since, "--since", 1, most);
        if (!since) return fail(since.error());
        // Times are known by the second or so: rather one too many.
        const auto from = data_path_now() - seconds(static_cast<std::int64_t>(*since + 1));
        selection.since_ns = from.count() > 0 ? static_cast<std::uint64_t>(from.count()) : 0;
    }
    if (!arguments.top.empty()) {
        const auto top = parse_number(arguments.top, "--top", 1, most);
        if (!top) return fail(top.error());
        selection.top = *top;
    }
    return selection;
}

void tell_if_it_only_monitors(const Instance& instance) {
    if (settings_in_force(instance).mode == Mode::monitor)
        tell(fmt::format("instance \"{}\" only monitors: what blocked sources send is counted, not dropped",
                         instance.name()));
}

Status block_rows(Instance& instance, const std::vector<ScanRow>& rows, seconds duration, bool dry_run) {
    BlockRequest request;
    for (const ScanRow& row : rows)
        request.sources.push_back(row.scan.source);
    request.duration = duration;
    request.origin = BlockOrigin::evidence;
    request.dry_run = dry_run;
    const auto spared = block_sources(instance, request);
    if (!spared) return fail(spared.error());
    for (const SparedSource& each : *spared)
        tell(fmt::format("{} is not blocked: {}", each.source.to_string(), each.why));
    if (!request.sources.empty()) tell_if_it_only_monitors(instance);
    return {};
}

Status run_list(const ListArguments& arguments, Session& session) {
    const auto selection = selection_of(arguments);
    if (!selection) return fail(selection.error());
    std::optional<seconds> duration;
    if (!arguments.block.empty()) {
        const auto parsed = parse_duration(arguments.block, "--block");
        if (!parsed) return fail(parsed.error());
        duration = *parsed;
    } else if (arguments.dry_run) {
        return fail(ErrorKind::usage, "--dry-run goes with --block; without it nothing is changed anyway");
    }
    auto instance = duration ? session.open_for_change() : session.open();
    if (!instance) return fail(instance.error());
    auto rows = read_scans(*instance, *selection);
    if (!rows) return fail(rows.error());
    if (duration) {
        if (auto blocked = block_rows(*instance, *rows, *duration, arguments.dry_run); !blocked) return blocked;
        rows = read_scans(*instance, *selection);
        if (!rows) return fail(rows.error());
    }
    if (session.json()) {
        print_scans_json(*rows, session.sink());
    } else {
        print_scans_text(*rows, data_path_now(), session.sink());
    }
    return {};
}

Status run_reset(bool dry_run, Session& session) {
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    return dry_run ? Status() : reset_scans(*instance);
}

Status run_block(const BlockArguments& arguments, Session& session) {
    const auto source = parse_source(arguments.source);
    if (!source) return fail(source.error());
    const auto duration = parse_duration(arguments.duration, "SECONDS");
    if (!duration) return fail(duration.error());
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    const auto spared = block_sources(*instance, {{*source}, *duration, BlockOrigin::request, arguments.dry_run});
    if (!spared) return fail(spared.error());
    if (!spared->empty())
        return fail(ErrorKind::refused, fmt::format("cannot block {}: {}", source->to_string(), spared->front().why));
    tell_if_it_only_monitors(*instance);
    return {};
}

Status run_unblock(const BlockArguments& arguments, Session& session) {
    if (!arguments.all && arguments.source.empty())
        return fail(ErrorKind::usage, "no source to unblock; name one, or use --all");
    std::optional<Address> source;
    if (!arguments.all) {
        const auto parsed = parse_source(arguments.source);
        if (!parsed) return fail(parsed.error());
        source = *parsed;
    }
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    if (source) return unblock_source(*instance, *source, arguments.dry_run);
    const auto count = unblock_all(*instance, arguments.dry_run);
    return count ? Status() : Status(fail(count.error()));
}

Status run_blocks(Session& session) {
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto blocks = read_blocks(*instance);
    if (!blocks) return fail(blocks.error());
    if (session.json()) {
        print_blocks_json(*blocks, session.sink());
    } else {
        print_blocks_text(*blocks, data_path_now(), session.sink());
    }
    return {};
}

void add_list(Command object, Commands& commands) {
    auto arguments = std::make_shared<ListArguments>();
    Command list = object.add_command("list", "sources that touched closed endpoints, most endpoints first");
    list.add_option("--min-endpoints", arguments->min_endpoints, "those with at least so many; 5 unless given")
        .type_name("N");
    list.add_option("--since", arguments->since, "those seen within so many seconds").type_name("SECONDS");
    list.add_option("--top", arguments->top, "the first so many").type_name("N");
    list.add_option("--block", arguments->block,
                    "block those listed for so long, but for this host's addresses, gateways, resolvers, and yours")
        .type_name("SECONDS");
    add_dry_run(list, arguments->dry_run);
    commands.add(list, [arguments](Session& session) { return run_list(*arguments, session); });
}

void add_changes(Command object, Commands& commands) {
    auto dry_run = std::make_shared<bool>(false);
    Command reset = object.add_command("reset", "forget who touched what; blocks stay");
    add_dry_run(reset, *dry_run);
    commands.add(reset, [dry_run](Session& session) { return run_reset(*dry_run, session); });

    auto blocked = std::make_shared<BlockArguments>();
    Command block = object.add_command("block", "refuse what a source begins; its flows and connections go on");
    block.add_option("ADDR", blocked->source, "an IPv4 or IPv6 address").required();
    block.add_option("SECONDS", blocked->duration, "for so long").required();
    add_dry_run(block, blocked->dry_run);
    commands.add(block, [blocked](Session& session) { return run_block(*blocked, session); });

    auto freed = std::make_shared<BlockArguments>();
    Command unblock = object.add_command("unblock", "end a block before its time");
    Option source = unblock.add_option("ADDR", freed->source, "an IPv4 or IPv6 address");
    unblock.add_flag("--all", freed->all, "every source").excludes(source);
    add_dry_run(unblock, freed->dry_run);
    commands.add(unblock, [freed](Session& session) { return run_unblock(*freed, session); });
}

}  // namespace

void add_scan_commands(Command root, Commands& commands) {
    Command object = root.add_object("scan", "who touched closed endpoints, and who is blocked for a time");
    add_list(object, commands);
    add_changes(object, commands);
    commands.add(object.add_command("blocks", "sources that are blocked"), run_blocks);
}

}  // namespace xdemux
