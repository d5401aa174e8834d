// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include <xdemux/ops/ephemeral_use.h>

namespace xdemux {
namespace {

bool is_outgoing(const HostSocket& socket, const PortRange& range,
                 const std::set<std::pair<Proto, std::uint16_t>>& served) {
    return socket.remote_port != 0 && range.covers(socket.local_port) &&
           !served.contains({socket.proto, socket.local_port});
}

std::set<std::pair<Proto, std::uint16_t>> ports_served(std::span<const HostSocket> sockets) {
    std::set<std::pair<Proto, std::uint16_t>> served;
    for (const HostSocket& socket : sockets)
        if (socket.waits_for_anyone() && socket.local_port != 0) served.emplace(socket.proto, socket.local_port);
    return served;
}

struct Ports {
    std::set<std::uint16_t> living;
    std::set<std::uint16_t> closed;
};

}  // namespace

EphemeralUse use_of(std::span<const HostSocket> sockets, const PortRange& range) {
    const auto served = ports_served(sockets);
    std::map<std::tuple<Proto, Address, SocketAddress>, Ports> destinations;
    PortSet living, closed;
    for (const HostSocket& socket : sockets) {
        if (!is_outgoing(socket, range, served)) continue;
        auto& ports = destinations[{socket.proto, socket.local, {socket.remote, socket.remote_port}}];
        const bool time_wait = socket.state == HostSocketState::time_wait;
        (time_wait ? ports.closed : ports.living).insert(socket.local_port);
        (time_wait ? closed : living).add(PortRange::one(socket.local_port));
    }
    EphemeralUse use;
    for (const auto& [key, ports] : destinations) {
        const auto& [proto, local, remote] = key;
        use.destinations.push_back({proto, local, remote, ports.living.size(), ports.closed.size()});
    }
    std::ranges::stable_sort(use.destinations, std::greater<>(), &DestinationUse::taken);
    use.ports_in_use = living.size();
    closed.remove(living);
    use.ports_time_wait = closed.size();
    use.taken = living;
    use.taken.add(closed);
    return use;
}

std::vector<RangeListener> listeners_inside(std::span<const HostSocket> sockets, const ListenerSet& listeners,
                                            const EphemeralSettings& settings,
                                            const std::function<std::string(std::uint64_t inode)>& name) {
    std::map<std::pair<std::uint16_t, Proto>, std::string> found;
    // A range of ports, or all of them, was not meant for one service.
    for (const auto& [id, listener] : listeners.listeners()) {
        const PortRange& ports = listener.local.ports;
        if (ports.is_single() && settings.range.covers(ports.first))
            found.try_emplace({ports.first, listener.proto}, fmt::format("listener {}", listener.describe()));
    }
    for (const HostSocket& socket : sockets) {
        // A UDP socket without a peer may be a client as well as a server.
        if (socket.state == HostSocketState::listen && settings.range.covers(socket.local_port))
            found.try_emplace({socket.local_port, socket.proto}, name(socket.inode));
    }
    std::vector<RangeListener> inside;
    inside.reserve(found.size());
    for (auto& [key, who] : found)
        inside.push_back({key.second, key.first, std::move(who), settings.reserved.contains(key.first)});
    return inside;
}

EphemeralImpact impact_of(std::span<const HostSocket> sockets, std::span<const RangeListener> inside,
                          const EphemeralSettings& before, const EphemeralSettings& after) {
    const auto served = ports_served(sockets);
    EphemeralImpact impact;
    for (const HostSocket& socket : sockets) {
        if (is_outgoing(socket, before.range, served) && !after.range.covers(socket.local_port)) ++impact.left_outside;
    }
    std::ranges::copy_if(inside, std::back_inserter(impact.listeners),
                         [](const RangeListener& listener) { return !listener.reserved; });
    impact.before = capacity_of(before.range, before.reserved);
    impact.after = capacity_of(after.range, after.reserved);
    return impact;
}

std::string describe(std::span<const RangeListener> listeners, std::size_t most) {
    std::string text;
    for (const RangeListener& listener : listeners.first(std::min(most, listeners.size())))
        text += fmt::format("{}{} {} ({})", text.empty() ? "" : ", ", proto_name(listener.proto), listener.port,
                            listener.who);
    if (listeners.size() > most) text += fmt::format(", and {} more", listeners.size() - most);
    return text;
}

}  // namespace xdemux
