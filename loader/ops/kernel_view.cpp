// SPDX-License-Identifier: BSD-2-Clause
#include "kernel_view.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include <xdemux/ops/listeners.h>
#include <xdemux/policy/decide.h>

#include "host_order.h"

namespace xdemux {
namespace {

using Owners = std::unordered_map<std::uint64_t, Process>;

std::optional<Process> owner_of(const HostSocket& socket, const Owners& owners) {
    const auto owner = owners.find(socket.inode);
    if (socket.inode == 0 || owner == owners.end()) return std::nullopt;
    return owner->second;
}

std::string device_name(std::uint32_t ifindex) {
    if (ifindex == 0) return "";
    const auto device = interface_by_index(ifindex);
    return device ? device->name : "?";
}

/// inet_diag's answer is the same look-up's at another moment: it counts where it says the same.
bool is_same(const HostSocket& found, const OracleAnswer::Socket& socket) {
    return found.local_port == socket.local.port && found.state == socket.state &&
           found.local.is_wildcard() == socket.local.address.is_wildcard() && found.ifindex == socket.ifindex;
}

/// The listener that the packet would match were `winner` not there, where the tables' steps come that far.
const Listener* next_listener(const ListenerSet& listeners, const Explanation& explanation, const PacketFacts& facts) {
    std::vector<const Listener*> others = hearers(listeners, facts);
    if (explanation.listener)
        std::erase_if(others, [&](const Listener* each) { return each->id == explanation.listener->id; });
    return listeners.find(decide(others, facts).listener);
}

/// Whether the packet ends with the tables, so that no socket gets it.
bool ends_in_tables(const Explanation& explanation) {
    return (explanation.listener || explanation.flow) && explanation.verdict != contract::VERDICT_PASS;
}

bool found_local(const Explanation& explanation) {
    return std::any_of(explanation.stages.begin(), explanation.stages.end(),
                       [](const ExplainStage& stage) { return stage.stage == contract::STAGE_LOCAL && stage.found; });
}

class RunnerUpFinder {
  public:
    RunnerUpFinder(const Explanation& explanation, const FlowKey& packet, std::uint32_t ifindex)
        : explanation_(explanation), packet_(packet), ifindex_(ifindex) {}

    /// `local`: the destination is this host's, as the tables or the kernel's route have it.
    Result<std::optional<RunnerUp>> among_listeners(const Instance& instance, bool local) const {
        const auto listeners = read_listeners(instance);
        if (!listeners) return fail(listeners.error());
        const PacketFacts facts{packet_.proto, packet_.local.address, packet_.local.port, ifindex_, local};
        const Listener* next = next_listener(*listeners, explanation_, facts);
        if (next == nullptr) return std::optional<RunnerUp>();
        RunnerUp found;
        found.listener = *next;
        found.why = explanation_.flow ? "is the exact 4-tuple (a flow before every listener)"
                                      : std::string(why_first(*explanation_.listener, *next));
        return std::optional(std::move(found));
    }

    /// `winner`: the kernel's choice, where it is known in full. After the tables it is the runner-up itself.
    std::optional<RunnerUp> among_sockets(const std::vector<HostSocket>& sockets,
                                          const std::optional<HostSocket>& winner, const Owners& owners) const {
        const HostSocket* next = nullptr;
        if (ends_in_tables(explanation_)) {
            next = winner ? &*winner : nullptr;
        } else if (winner && !explanation_.listener && !explanation_.flow) {
            next = second(sockets, *winner);
        }
        if (next == nullptr) return std::nullopt;
        RunnerUp found;
        found.socket = *next;
        found.socket_device = device_name(next->ifindex);
        found.process = owner_of(*next, owners);
        found.why = ends_in_tables(explanation_)
                        ? "stands in the tables, and they are asked before the host's sockets"
                        : std::string(why_first(host_rank(*winner, packet_), host_rank(*next, packet_)));
        return found;
    }

  private:
    const HostSocket* second(const std::vector<HostSocket>& sockets, const HostSocket& winner) const {
        const HostSocket* best = nullptr;
        for (const HostSocket& each : sockets) {
            const bool same = each.inode == winner.inode && each.state == winner.state;
            if (same || !hears(each, packet_, ifindex_)) continue;
            if (best == nullptr || host_rank(each, packet_) < host_rank(*best, packet_)) best = &each;
        }
        return best;
    }

    const Explanation& explanation_;
    const FlowKey& packet_;
    std::uint32_t ifindex_;
};

Result<KernelView> view_of(const FlowKey& packet, std::uint32_t ifindex) {
    const auto oracle = Oracle::load();
    if (!oracle) return fail(oracle.error());
    const auto answer = oracle->ask(packet, ifindex);
    if (!answer) return fail(answer.error());
    const auto route = route_to(packet.local.address);
    if (!route) return fail(route.error());
    KernelView view;
    view.socket = answer->socket;
    if (view.socket) view.socket_device = device_name(view.socket->ifindex);
    view.route = *route;
    view.route_device = device_name(route->ifindex);
    return view;
}

}  // namespace

Status add_kernel_view(const Instance& instance, const FlowKey& packet, std::uint32_t ifindex,
                       Explanation& explanation) {
    auto view = view_of(packet, ifindex);
    if (!view) return fail(view.error());
    const RunnerUpFinder finder(explanation, packet, ifindex);
    if (explanation.listener || explanation.flow) {
        const bool local = found_local(explanation) || view->route.kind == RouteKind::local;
        auto next = finder.among_listeners(instance, local);
        if (!next) return fail(next.error());
        explanation.runner_up = std::move(*next);
    }
    std::optional<HostSocket> winner;
    if (view->socket) {
        const auto found = find_host_socket(packet, ifindex);
        if (!found) return fail(found.error());
        if (*found && is_same(**found, *view->socket)) winner = **found;
    }
    if (winner) {
        const auto sockets = host_sockets();
        if (!sockets) return fail(sockets.error());
        const Owners owners = socket_owners();
        view->process = owner_of(*winner, owners);
        if (!explanation.runner_up) explanation.runner_up = finder.among_sockets(*sockets, winner, owners);
    }
    explanation.kernel = std::move(*view);
    return {};
}

}  // namespace xdemux
