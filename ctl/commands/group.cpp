// SPDX-License-Identifier: BSD-2-Clause
#include "commands/group.h"

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <xdemux/ops/groups.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/groups.h"

namespace xdemux {
namespace {

struct GroupArguments {
    std::string name;
    std::vector<std::string> members;
    std::vector<std::string> removed;
    std::string fallback;
    bool sticky = false;
    bool dry_run = false;
};

Result<GroupMembers> parse_members(const std::vector<std::string>& texts,
                                   Result<GroupMember> (*parse)(std::string_view)) {
    GroupMembers members;
    for (const std::string& text : texts) {
        auto member = parse(text);
        if (!member) return fail(std::move(member.error()));
        members.push_back(std::move(*member));
    }
    return members;
}

Result<NewGroup> new_group(const GroupArguments& arguments) {
    NewGroup group{arguments.name, {}, TargetKind::pass, arguments.sticky};
    auto members = parse_members(arguments.members, GroupMember::parse);
    if (!members) return fail(std::move(members.error()));
    group.members = std::move(*members);
    if (arguments.fallback.empty()) return group;
    const auto fallback = Target::parse(arguments.fallback);
    if (!fallback || !is_simple(fallback->kind))
        return fail(ErrorKind::usage,
                    fmt::format("--fallback \"{}\" is neither pass, drop nor reject", arguments.fallback));
    group.fallback = fallback->kind;
    return group;
}

Result<GroupChange> change_of(const GroupArguments& arguments) {
    GroupChange change;
    auto members = parse_members(arguments.members, GroupMember::parse_change);
    if (!members) return fail(std::move(members.error()));
    change.set = std::move(*members);
    for (const std::string& text : arguments.removed) {
        auto target = Target::parse(text);
        if (!target) return fail(std::move(target.error()));
        change.removed.push_back(std::move(*target));
    }
    if (change.set.empty() && change.removed.empty())
        return fail(ErrorKind::usage, "nothing to change: MEMBER=WEIGHT or --remove MEMBER is missing");
    return change;
}

Status run_add(const GroupArguments& arguments, Session& session) {
    const auto group = new_group(arguments);
    if (!group) return fail(group.error());
    auto instance = session.open_or_create();
    if (!instance) return fail(instance.error());
    return add_group(*instance, *group, arguments.dry_run);
}

Status run_set(const GroupArguments& arguments, Session& session) {
    const auto change = change_of(arguments);
    if (!change) return fail(change.error());
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    return change_group(*instance, arguments.name, *change, arguments.dry_run);
}

Status run_delete(const GroupArguments& arguments, Session& session) {
    auto instance = session.open_for_change();
    if (!instance) return fail(instance.error());
    return delete_group(*instance, arguments.name, arguments.dry_run);
}

Status run_simulate(const GroupArguments& arguments, Session& session) {
    const auto change = change_of(arguments);
    if (!change) return fail(change.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto told = simulate_group(*instance, arguments.name, *change);
    if (!told) return fail(told.error());
    if (session.json()) {
        print_forecast_json(arguments.name, *told, session.sink());
    } else {
        print_forecast_text(*told, session.sink());
    }
    return {};
}

Status run_list(Session& session) {
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto rows = group_rows(*instance);
    if (!rows) return fail(rows.error());
    if (session.json()) {
        print_groups_json(*rows, session.sink());
    } else {
        print_groups_text(*rows, session.sink());
    }
    return {};
}

using Run = Status (*)(const GroupArguments& arguments, Session& session);

/// A verb of one group; returns its command, for what else it takes.
Command add_verb(Command object, Commands& commands, const char* name, const char* what,
                 const std::shared_ptr<GroupArguments>& arguments, Run run) {
    Command command = object.add_command(name, what);
    command.add_option("NAME", arguments->name, "of the group").required();
    commands.add(command, [arguments, run](Session& session) { return run(*arguments, session); });
    return command;
}

void add_change_options(Command command, GroupArguments& arguments) {
    command.add_option("MEMBER", arguments.members, "TARGET=WEIGHT; 0 drains it, a new one joins");
    command.add_option("--remove", arguments.removed, "a member that leaves; may be given more than once")
        .type_name("TARGET")
        .one_value_each();
}

}  // namespace

void add_group_commands(Command root, Commands& commands) {
    Command object = root.add_object("group", "targets among which flows are spread by weight");

    const auto added = std::make_shared<GroupArguments>();
    Command add = add_verb(object, commands, "add", "make a group", added, run_add);
    add.add_option("MEMBER", added->members, "TARGET[=WEIGHT], of weight 1 unless given; 0 takes no flows").required();
    add.add_option("--fallback", added->fallback,
                   "pass, drop or reject, while no member takes flows; pass unless given")
        .type_name("VERDICT");
    add.add_flag("--sticky", added->sticky, "flows stay with their member when the group changes");
    add_dry_run(add, added->dry_run);

    const auto changed = std::make_shared<GroupArguments>();
    Command set = add_verb(object, commands, "set", "change weights and members", changed, run_set);
    add_change_options(set, *changed);
    add_dry_run(set, changed->dry_run);

    const auto deleted = std::make_shared<GroupArguments>();
    add_dry_run(add_verb(object, commands, "del", "delete a group", deleted, run_delete), deleted->dry_run);

    const auto simulated = std::make_shared<GroupArguments>();
    add_change_options(add_verb(object, commands, "simulate", "tell what share of the flows a change would move",
                                simulated, run_simulate),
                       *simulated);
    commands.add(object.add_command("list", "the groups, their members and what these got"), run_list);
}

}  // namespace xdemux
