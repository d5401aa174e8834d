// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <map>
#include <set>

#include <fmt/format.h>

#include <xdemux/kernel/cpus.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/grace.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/sockets.h>
#include <xdemux/ops/targets.h>
#include <xdemux/ops/xsks.h>

#include "group_maps.h"
#include "shared_endpoints.h"

namespace xdemux {
namespace {

Status check_cpus(const Target& target) {
    const auto online = online_cpus();
    if (!online) return fail(online.error());
    const auto possible = possible_cpus();
    if (!possible) return fail(possible.error());
    if (target.last_cpu >= *possible)
        return fail(ErrorKind::not_found, fmt::format("target {}: this machine has no CPU {}; its last is {}",
                                                      target.to_string(), target.last_cpu, *possible - 1));
    for (std::uint32_t cpu = target.first_cpu; cpu <= target.last_cpu; ++cpu) {
        if (online->contains(cpu)) continue;
        return fail(ErrorKind::failed, fmt::format("target {}: CPU {} is offline; bring it online, or leave it out",
                                                   target.to_string(), cpu));
    }
    return {};
}

/// The first interface by which packets for another CPU would be lost; none: there is no such.
Result<std::optional<std::string>> losing_interface(const Instance& instance) {
    const auto attached = attached_interfaces(instance);
    if (!attached) return fail(attached.error());
    const auto loses =
        std::ranges::find_if(*attached, [](const AttachedInterface& each) { return !hands_to_cpus(each.xdp_mode); });
    return loses == attached->end() ? std::nullopt : std::optional(loses->dev);
}

Status check_modes(const Instance& instance, const Target& target) {
    const auto loses = losing_interface(instance);
    if (!loses) return fail(loses.error());
    if (!*loses) return {};
    return fail(
        ErrorKind::unsupported,
        fmt::format("target {}: {} is attached in generic mode, where the kernel loses what is handed to another "
                    "CPU; attach it in native mode, or detach it",
                    target.to_string(), **loses));
}

Result<Target> resolve_dev(Target target) {
    auto device = interface_by_name(target.name);
    if (!device) return fail(std::move(device.error()));
    target.ifindex = device->ifindex;
    if (target.dst_mac && !target.src_mac) target.src_mac = device->mac;
    return target;
}

/// What the kernel needs to hand packets over, before a row says so. A CPU that several targets name has room for the
/// one that asks for most.
Status prepare(const Tables& tables, const Target& target) {
    if (target.kind == TargetKind::dev) return tables.steering.devs.put(target.ifindex, target.ifindex);
    if (target.kind != TargetKind::cpu) return {};
    for (std::uint32_t cpu = target.first_cpu; cpu <= target.last_cpu; ++cpu) {
        const auto present = tables.steering.cpus.find(cpu);
        if (!present) return fail(present.error());
        if (present->value_or(0) >= target.queue) continue;
        if (auto put = tables.steering.cpus.put(cpu, target.queue); !put) return put;
    }
    return {};
}

/// The numbers that rows of listeners and groups name, in whatever state a row is.
Result<std::map<std::uint32_t, std::size_t>> count_names(const Tables& tables) {
    std::map<std::uint32_t, std::size_t> named;
    auto walked = tables.listeners.for_each([&](std::uint32_t, const contract::listener& listener) {
        ++named[listener.target];
        return true;
    });
    if (!walked) return fail(walked.error());
    walked = tables.steering.group_members.for_each(
        [&](const contract::group_member& member, const contract::group_weight&) {
            ++named[member.target];
            return true;
        });
    if (!walked) return fail(walked.error());
    return named;
}

/// The numbers that stay though nobody names them.
Result<std::set<std::uint32_t>> registered(const Tables& tables, const TargetTable& targets) {
    std::set<std::uint32_t> numbers;
    const auto walked =
        tables.steering.xsk_queues.for_each([&](const contract::xsk_queue& queue, const contract::xsk_place&) {
            numbers.insert(queue.target);
            return true;
        });
    if (!walked) return fail(walked.error());
    for (const auto& [number, target] : targets.targets()) {
        if (target.kind == TargetKind::group) numbers.insert(number);
        if (target.kind != TargetKind::socket) continue;
        const auto socket = tables.steering.sockets.find(number);
        if (!socket) return fail(socket.error());
        if (*socket) numbers.insert(number);
    }
    return numbers;
}

/// Adds those of `candidates` that flows name.
Status count_flows(const Tables& tables, const std::set<std::uint32_t>& candidates,
                   std::map<std::uint32_t, std::size_t>& named) {
    if (candidates.empty()) return {};
    return tables.flows.for_each([&](const FlowTable::Found& flow) {
        if (candidates.contains(flow.facts.target)) ++named[flow.facts.target];
        return true;
    });
}

Result<std::set<std::uint32_t>> unnamed(const Tables& tables, const TargetTable& targets) {
    if (targets.targets().empty()) return std::set<std::uint32_t>();
    auto named = count_names(tables);
    if (!named) return fail(named.error());
    const auto kept = registered(tables, targets);
    if (!kept) return fail(kept.error());
    std::set<std::uint32_t> free;
    for (const auto& [number, target] : targets.targets()) {
        if (!named->contains(number) && !kept->contains(number)) free.insert(number);
    }
    if (auto counted = count_flows(tables, free, *named); !counted) return fail(counted.error());
    std::erase_if(free, [&](std::uint32_t number) { return named->contains(number); });
    return free;
}

template <typename Keep>
Status erase_but(const Map<std::uint32_t, std::uint32_t>& map, const Keep& keep) {
    std::vector<std::uint32_t> gone;
    const auto walked = map.for_each([&](std::uint32_t key, std::uint32_t) {
        if (!keep(key)) gone.push_back(key);
        return true;
    });
    if (!walked) return walked;
    for (const std::uint32_t key : gone) {
        if (auto erased = map.erase(key); !erased) return fail(erased.error());
    }
    return {};
}

/// Takes from the kernel's maps what no target is for any more.
Status release_unused(const Tables& tables, const TargetTable& targets) {
    const auto any = [&](auto fits) {
        return std::ranges::any_of(targets.targets(), [&](const auto& each) { return fits(each.second); });
    };
    const auto cpu_used = [&](std::uint32_t cpu) {
        return any([&](const Target& target) {
            return target.kind == TargetKind::cpu && target.first_cpu <= cpu && cpu <= target.last_cpu;
        });
    };
    if (auto erased = erase_but(tables.steering.cpus, cpu_used); !erased) return erased;
    return erase_but(tables.steering.devs, [&](std::uint32_t ifindex) {
        return any([&](const Target& target) { return target.kind == TargetKind::dev && target.ifindex == ifindex; });
    });
}

std::string cpu_hindrance(const Instance& instance, const Target& target) {
    const Tables& tables = instance.tables();
    const auto online = online_cpus();
    for (std::uint32_t cpu = target.first_cpu; cpu <= target.last_cpu; ++cpu) {
        if (online && !online->contains(cpu)) return fmt::format("CPU {} is offline", cpu);
        if (!tables.steering.cpus.find(cpu).value_or(std::nullopt)) return fmt::format("CPU {} has no queue", cpu);
    }
    if (const auto loses = losing_interface(instance).value_or(std::nullopt))
        return fmt::format("{} is in generic mode: what is steered from there is lost", *loses);
    return {};
}

std::string dev_hindrance(const Tables& tables, const Target& target) {
    const auto device = interface_by_index(target.ifindex);
    if (!device) return fmt::format("interface {} is gone", target.name);
    if (!device->up) return fmt::format("interface {} is down: what is steered there is lost", device->name);
    if (!tables.steering.devs.find(target.ifindex).value_or(std::nullopt))
        return fmt::format("interface {} has left this network namespace", device->name);
    return {};
}

std::string group_hindrance(const Tables& tables, std::uint32_t number) {
    auto groups = read_group_members(tables);
    const bool takes_flows =
        groups && std::ranges::any_of((*groups)[number], [](const StoredMember& member) { return member.weight != 0; });
    return takes_flows ? "" : "no member of it takes flows";
}

std::string hindrance_of(const Instance& instance, std::uint32_t number, const Target& target) {
    const Tables& tables = instance.tables();
    switch (target.kind) {
        case TargetKind::cpu:
            return cpu_hindrance(instance, target);
        case TargetKind::dev:
            return dev_hindrance(tables, target);
        case TargetKind::xsk:
            return xsk_hindrance(instance, number);
        case TargetKind::socket:
            return tables.steering.sockets.find(number).value_or(std::nullopt)
                       ? ""
                       : "no socket is registered under its name";
        case TargetKind::group:
            return group_hindrance(tables, number);
        default:
            return {};
    }
}

}  // namespace

Result<TargetTable> read_targets(const Tables& tables) {
    TargetTable targets;
    Status decoded;
    const auto walked = tables.steering.targets.for_each([&](std::uint32_t number, const contract::target& row) {
        auto target = decode(row);
        if (!target) {
            decoded = fail(target.error());
            return false;
        }
        if (!*target) return true;
        if ((*target)->kind == TargetKind::dev) {
            if (const auto device = interface_by_index((*target)->ifindex)) (*target)->name = device->name;
        }
        targets.restore(number, std::move(**target));
        return true;
    });
    if (!walked) return fail(walked.error());
    if (!decoded) return fail(decoded.error());
    return targets;
}

Result<Target> resolve_target(const Instance& instance, const Target& target) {
    if (target.kind == TargetKind::dev) return resolve_dev(target);
    if (target.kind == TargetKind::cpu) {
        if (auto there = check_cpus(target); !there) return fail(there.error());
        if (auto possible = check_modes(instance, target); !possible) return fail(possible.error());
    }
    if (target.kind == TargetKind::group) {
        const auto targets = read_targets(instance.tables());
        if (!targets) return fail(targets.error());
        if (!targets->number_of(target))
            return fail(ErrorKind::not_found,
                        fmt::format("no group \"{}\"; make it with xdemux group add", target.name));
    }
    return target;
}

Result<std::uint32_t> claim_target(Instance& instance, const Target& target) {
    assert(instance.writable());
    if (is_simple(target.kind)) return TargetTable::number_of(target.kind);
    const Tables& tables = instance.tables();
    const auto resolved = resolve_target(instance, target);
    if (!resolved) return fail(resolved.error());
    auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    const bool known = targets->number_of(*resolved).has_value();
    auto number = targets->add(*resolved);
    if (!number || known) return number;
    if (auto prepared = prepare(tables, *resolved); !prepared) return fail(prepared.error());
    if (auto zeroed = tables.steering.target_counts.zero(*number); !zeroed) return fail(zeroed.error());
    if (auto put = tables.steering.targets.put(*number, encode(*resolved)); !put) return fail(put.error());
    if (auto settled = settle_socket_lookup(instance); !settled) return fail(settled.error());
    return number;
}

Status sweep_targets(Instance& instance) {
    assert(instance.writable());
    if (auto swept = sweep_shared_endpoints(instance); !swept) return swept;
    const Tables& tables = instance.tables();
    auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    auto free = unnamed(tables, *targets);
    if (!free) return fail(free.error());
    if (!free->empty()) wait_for_packets_under_way();
    // A packet that was under way may have left a flow with its sticky group's former member.
    std::map<std::uint32_t, std::size_t> named;
    if (auto counted = count_flows(tables, *free, named); !counted) return counted;
    std::erase_if(*free, [&](std::uint32_t number) { return named.contains(number); });
    for (const std::uint32_t number : *free) {
        if (auto cleared = tables.steering.targets.put(number, {}); !cleared) return cleared;
        targets->erase(number);
    }
    if (auto settled = settle_socket_lookup(instance); !settled) return settled;
    return release_unused(tables, *targets);
}

Result<std::vector<std::string>> users_of(const Instance& instance, std::uint32_t number) {
    const Tables& tables = instance.tables();
    const auto listeners = read_listeners(instance);
    if (!listeners) return fail(listeners.error());
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    const auto target = targets->find(number);
    const std::uint32_t shared_by = target && is_shared_endpoint(*target) ? front_of_endpoint(*target) : 0;
    std::vector<std::string> users;
    for (const auto& [id, listener] : listeners->listeners()) {
        if (targets->number_of(listener.target) == number || shared_by == id)
            users.push_back(fmt::format("listener {}", listener.describe()));
    }
    auto walked = tables.steering.group_members.for_each([&](const contract::group_member& member, const auto&) {
        if (member.target != number) return true;
        const auto group = targets->find(member.group);  // of a shared endpoint: its listeners are users by themselves
        if (group && !is_shared_endpoint(*group)) users.push_back(fmt::format("group {}", group->name));
        return true;
    });
    if (!walked) return fail(walked.error());
    std::map<std::uint32_t, std::size_t> flows;
    if (auto counted = count_flows(tables, {number}, flows); !counted) return fail(counted.error());
    if (!flows.empty()) users.push_back(fmt::format("{} flows", flows[number]));
    return users;
}

Result<std::vector<TargetRow>> target_rows(const Instance& instance) {
    const Tables& tables = instance.tables();
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    auto named = count_names(tables);
    if (!named) return fail(named.error());
    std::set<std::uint32_t> numbers;
    for (const auto& [number, target] : targets->targets())
        numbers.insert(number);
    if (auto counted = count_flows(tables, numbers, *named); !counted) return fail(counted.error());
    std::vector<TargetRow> rows;
    for (const auto& [number, target] : targets->targets()) {
        if (is_shared_endpoint(target)) continue;  // nobody can name it, and it falls back never
        const auto count = tables.steering.target_counts.read(number);
        if (!count) return fail(count.error());
        const auto users = named->find(number);
        rows.push_back({number, target, hindrance_of(instance, number, target),
                        users == named->end() ? 0 : users->second, *count});
    }
    return rows;
}

}  // namespace xdemux
