// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <xdemux/kernel/descriptor.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/kernel/socket.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/sockets.h>
#include <xdemux/ops/targets.h>
#include <xdemux/policy/socket_fit.h>

namespace xdemux {
namespace {

Target target_named(const std::string& name) {
    Target target;
    target.kind = TargetKind::socket;
    target.name = name;
    return target;
}

Error misfits(const std::string& name, const Listener& listener, std::string_view why) {
    return {ErrorKind::usage,
            fmt::format("socket \"{}\" cannot serve listener {}: {}", name, listener.describe(), why)};
}

/// By cookie, the kernel's number of a socket.
Result<std::unordered_map<std::uint64_t, HostSocket>> sockets_by_cookie() {
    auto all = host_sockets();
    if (!all) return fail(std::move(all.error()));
    std::unordered_map<std::uint64_t, HostSocket> sockets;
    for (const HostSocket& socket : *all)
        sockets.emplace(socket.cookie, socket);
    return sockets;
}

SocketKind kind_of(const HostSocket& socket) {
    return {socket.proto, socket.family, socket.v6only};
}

Status check_served(const Instance& instance, const std::string& name, const SocketKind& kind) {
    const auto listeners = read_listeners(instance);
    if (!listeners) return fail(listeners.error());
    for (const auto& [id, listener] : listeners->listeners()) {
        if (listener.target.kind != TargetKind::socket || listener.target.name != name) continue;
        if (const auto why = misfit(kind, listener)) return fail(misfits(name, listener, *why));
    }
    return {};
}

Result<Fd> open_socket(const std::string& name, const SocketSource& source) {
    if (!source.fd) return passed_descriptor(name);
    return source.pid ? take_descriptor(*source.pid, *source.fd) : inherited_descriptor(*source.fd);
}

Result<SocketKind> check_socket(const std::string& name, int socket) {
    const auto described = describe_server_socket(socket);
    if (!described) return fail(described.error().in(fmt::format("cannot register socket \"{}\"", name)));
    const auto here = netns_cookie();
    if (!here) return fail(here.error());
    if (described->netns == *here) return described->kind;
    return fail(ErrorKind::failed,
                fmt::format("cannot register socket \"{}\": it belongs to another network namespace than the instance; "
                            "use an instance of that namespace",
                            name));
}

/// The number of the target, where a socket is registered under it.
Result<std::uint32_t> find_registered(const Tables& tables, const std::string& name) {
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    const auto number = targets->number_of(target_named(name));
    if (number) {
        const auto socket = tables.steering.sockets.find(*number);
        if (!socket) return fail(socket.error());
        if (*socket) return *number;
    }
    return fail(ErrorKind::not_found, fmt::format("no socket is registered as \"{}\"", name));
}

}  // namespace

Status settle_socket_lookup(Instance& instance) {
    const auto targets = read_targets(instance.tables());
    if (!targets) return fail(targets.error());
    return instance.serve_sockets(std::ranges::any_of(
        targets->targets(), [](const auto& each) { return each.second.kind == TargetKind::socket; }));
}

Status check_socket_listeners(const Tables& tables, std::span<const Listener> listeners) {
    const auto delivers = [](const Listener& listener) { return listener.target.kind == TargetKind::socket; };
    if (std::ranges::none_of(listeners, delivers)) return {};
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    const auto sockets = sockets_by_cookie();
    if (!sockets) return fail(sockets.error());
    for (const Listener& listener : listeners) {
        if (!delivers(listener)) continue;
        const auto number = targets->number_of(listener.target);
        if (!number) continue;
        const auto cookie = tables.steering.sockets.find(*number);
        if (!cookie) return fail(cookie.error());
        const auto socket = sockets->find(cookie->value_or(0));
        if (socket == sockets->end()) continue;
        if (const auto why = misfit(kind_of(socket->second), listener))
            return fail(misfits(listener.target.name, listener, *why));
    }
    return {};
}

Status register_socket(Instance& instance, const std::string& name, const SocketSource& source, bool dry_run) {
    assert(instance.writable());
    if (auto valid = Target::parse(fmt::format("socket:{}", name)); !valid) return fail(valid.error());
    const auto socket = open_socket(name, source);
    if (!socket) return fail(socket.error().in(fmt::format("cannot register socket \"{}\"", name)));
    const auto kind = check_socket(name, socket->get());
    if (!kind) return fail(kind.error());
    if (auto served = check_served(instance, name, *kind); !served) return served;
    if (dry_run) return {};
    const auto number = claim_target(instance, target_named(name));
    Status done = number ? instance.tables().steering.sockets.put(*number, static_cast<std::uint64_t>(socket->get()))
                         : Status(fail(number.error()));
    if (!done) {
        [[maybe_unused]] const Status best_effort = sweep_targets(instance);  // else by the next command
        return fail(done.error().in(fmt::format("cannot register socket \"{}\"", name)));
    }
    return instance.keep();
}

Status unregister_socket(Instance& instance, const std::string& name, bool dry_run) {
    assert(instance.writable());
    const auto number = find_registered(instance.tables(), name);
    if (!number) return fail(number.error());
    const auto users = users_of(instance, *number);
    if (!users) return fail(users.error());
    if (!users->empty())
        return fail(ErrorKind::in_use,
                    fmt::format("cannot unregister socket \"{}\": in use by {}; delete that first, or register "
                                "another socket in its place",
                                name, fmt::join(*users, ", ")));
    if (dry_run) return {};
    if (auto erased = instance.tables().steering.sockets.erase(*number); !erased) return fail(erased.error());
    [[maybe_unused]] const Status best_effort = sweep_targets(instance);  // else by the next command
    return {};
}

Result<std::vector<SocketRow>> socket_rows(const Instance& instance) {
    auto targets = target_rows(instance);
    if (!targets) return fail(std::move(targets.error()));
    std::erase_if(*targets, [](const TargetRow& row) { return row.target.kind != TargetKind::socket; });
    std::vector<SocketRow> rows;
    if (targets->empty()) return rows;
    const auto sockets = sockets_by_cookie();
    if (!sockets) return fail(sockets.error());
    const auto owners = socket_owners();
    for (TargetRow& target : *targets) {
        const auto cookie = instance.tables().steering.sockets.find(target.number);
        if (!cookie) return fail(cookie.error());
        if (!*cookie && target.users == 0) continue;  // the next command clears it
        SocketRow row{std::move(target.target), *cookie, {}, {}, target.users, target.count};
        if (const auto socket = sockets->find(cookie->value_or(0)); socket != sockets->end()) {
            row.socket = socket->second;
            const auto owner = owners.find(socket->second.inode);
            if (owner != owners.end()) row.process = owner->second;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace xdemux
