// SPDX-License-Identifier: BSD-2-Clause
#include "shadow.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <xdemux/policy/decide.h>

namespace xdemux {
namespace {

constexpr std::size_t most_addresses = 8;
/// Members of a reuseport group get their packets by a hash of the sender: so many senders are tried for each socket on
/// the port, at most so many in all. A member that gets none of them gets none, but for one case in millions.
constexpr std::size_t senders_per_socket = 16;
constexpr std::size_t most_senders = 1024;

/// An address for documentation (RFC 5737, RFC 3849), which no connected socket has as its peer.
SocketAddress sender(Family family, std::size_t number) {
    const auto port = static_cast<std::uint16_t>(1024 + number * 37);
    if (family == Family::ipv4)
        return {Address::ipv4({203, 0, 113, static_cast<std::uint8_t>(1 + number % 250)}), port};
    Address::Bytes bytes{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff};
    bytes[15] = static_cast<std::uint8_t>(1 + number % 250);
    return {Address::ipv6(bytes), port};
}

}  // namespace

std::map<std::uint32_t, const Listener*> shadowed_listeners(const ListenerSet& listeners) {
    std::map<std::pair<ListenerPlace, PortRange>, const Listener*> first;
    std::map<std::uint32_t, const Listener*> shadowed;
    for (const auto& [id, listener] : listeners.listeners()) {
        const auto [found, added] = first.try_emplace({ListenerPlace::of(listener), listener.local.ports}, &listener);
        if (!added) shadowed.emplace(id, found->second);
    }
    return shadowed;
}

std::string listener_label(const Listener& listener) {
    if (listener.name.empty()) return fmt::format("listener {}", listener.describe());
    return fmt::format("listener {} \"{}\"", listener.describe(), listener.name);
}

SocketShadows::SocketShadows(const std::vector<HostSocket>& sockets, const ListenerSet& listeners,
                             std::vector<Address> locals, const std::unordered_map<std::uint64_t, Process>& owners)
    : listeners_(listeners), locals_(std::move(locals)), owners_(owners) {
    for (const auto& [id, listener] : listeners.listeners())
        any_ends_ = any_ends_ || !reaches_stack(listener.target.kind);
    for (const HostSocket& socket : sockets) {
        if (socket.waits_for_anyone()) ++waiting_[{socket.proto, socket.local_port}];
    }
}

std::vector<Address> SocketShadows::addresses_of(const HostSocket& socket) const {
    if (!socket.local.is_wildcard()) return {socket.local};
    std::vector<Address> addresses;
    for (const Address& address : locals_) {
        if (socket.hears(address) && addresses.size() < most_addresses) addresses.push_back(address);
    }
    return addresses;
}

const Listener* SocketShadows::ended_by(const HostSocket& socket, const Address& address) const {
    if (!any_ends_) return nullptr;
    const Decision decision = decide(listeners_, {socket.proto, address, socket.local_port, socket.ifindex, true});
    const Listener* listener = listeners_.find(decision.listener);
    return listener != nullptr && !reaches_stack(listener->target.kind) ? listener : nullptr;
}

bool SocketShadows::has_rivals(const HostSocket& socket) const {
    const auto waiting = waiting_.find({socket.proto, socket.local_port});
    return waiting != waiting_.end() && waiting->second > 1;
}

std::optional<std::string> SocketShadows::beaten_by(const HostSocket& socket,
                                                    const std::vector<Address>& addresses) const {
    const std::size_t waiting = waiting_.at({socket.proto, socket.local_port});
    const std::size_t senders = std::min(senders_per_socket * waiting, most_senders);
    std::optional<std::string> winner;
    for (const Address& address : addresses) {
        for (std::size_t i = 0; i < senders; ++i) {
            const FlowKey packet{socket.proto, {address, socket.local_port}, sender(address.family(), i)};
            const auto found = find_host_socket(packet, socket.ifindex);
            if (!found || !*found || (*found)->inode == socket.inode) return std::nullopt;
            if (winner) continue;
            const auto owner = owners_.find((*found)->inode);
            winner = owner == owners_.end() ? "another socket"
                                            : fmt::format("{} ({})", owner->second.name, owner->second.pid);
        }
    }
    return winner;
}

std::optional<std::string> SocketShadows::find(const HostSocket& socket) const {
    if (!socket.waits_for_anyone()) return std::nullopt;
    const std::vector<Address> addresses = addresses_of(socket);
    std::vector<Address> left;  // those whose packets come as far as the sockets
    const Listener* ended = nullptr;
    for (const Address& address : addresses) {
        if (const Listener* listener = ended_by(socket, address)) {
            ended = listener;
        } else {
            left.push_back(address);
        }
    }
    if (left.empty()) return ended != nullptr ? std::optional(listener_label(*ended)) : std::nullopt;
    return has_rivals(socket) ? beaten_by(socket, left) : std::nullopt;
}

}  // namespace xdemux
