// SPDX-License-Identifier: BSD-2-Clause
#include "delivery.h"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>

#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/netns.h>

#include "support/netns_fixture.h"
#include "support/packet_builder.h"

namespace xdemux::oracle {
namespace {

constexpr std::uint16_t mark_port = 50'000;
constexpr const char* own_address_ipv4 = "192.0.2.2";  // of the peer: what comes back to it is answered
constexpr const char* own_address_ipv6 = "2001:db8::2";

[[noreturn]] void raise(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

NetnsScope enter(const std::string& netns) {
    auto scope = NetnsScope::enter(netns);
    if (!scope) throw std::runtime_error(scope.error().message());
    return std::move(*scope);
}

bool is_peers_own(const Address& address) {
    const std::string text = address.to_string();
    return text == own_address_ipv4 || text == own_address_ipv6;
}

test::Packet ip_packet(const SocketAddress& from, const SocketAddress& to, const std::string& mac) {
    const std::string source = from.address.to_string();
    const std::string destination = to.address.to_string();
    const test::Packet frame = test::eth(mac);
    return from.address.family() == Family::ipv4 ? frame.ipv4(source, destination) : frame.ipv6(source, destination);
}

/// Takes one datagram, byte or connection out of the socket; false where there is none.
bool take(const LiveSocket& socket, Fd& accepted) {
    if (!socket.fd.valid()) return false;
    if (socket.spec.proto == Proto::tcp && socket.spec.kind == SocketKind::waiting) {
        accepted.reset(::accept4(socket.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
        return accepted.valid();
    }
    std::array<char, 64> bytes;
    // What is to be taken of a connection is a byte; of UDP a datagram, which is empty.
    const ssize_t size = ::recv(socket.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return size > 0 || (size == 0 && socket.spec.proto == Proto::udp);
}

Found found(const SocketSpec& spec) {
    if (spec.kind != SocketKind::waiting) return {Found::What::connection};
    return {Found::What::waiting, spec.local, spec.device};
}

/// Who has got something, at most one of all.
std::optional<Found> receiver_of(const LiveSockets& sockets, Fd& accepted) {
    std::optional<Found> receiver;
    for (const LiveSocket& socket : sockets.all()) {
        if (!take(socket, accepted)) continue;
        if (receiver) throw std::runtime_error("two sockets got one packet: " + socket.spec.describe());
        receiver = found(socket.spec);
    }
    return receiver;
}

}  // namespace

Delivery::Delivery(const std::string& peer) : peer_(peer) {
    const Interface near = interface_by_name(device_name(Port::near)).value();
    const auto& mac = near.mac;
    near_mac_ = fmt::format("{:02x}", fmt::join(mac, ":"));
    mark_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const SocketName name = name_of({Address::parse(near_addresses[0]).value(), mark_port}, false);
    if (::bind(mark_.get(), name.get(), name.size) != 0) raise("bind the mark's socket");
    const NetnsScope there = enter(peer_);
    wire_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!wire_.valid()) raise("packet socket");
    sockaddr_ll link{};
    link.sll_family = AF_PACKET;
    link.sll_ifindex = static_cast<int>(::if_nametoindex("xd1"));
    if (::bind(wire_.get(), reinterpret_cast<const sockaddr*>(&link), sizeof link) != 0) raise("bind to xd1");
}

bool Delivery::can_send(const Packet& packet, const Found& kernel) {
    if (packet.device != Port::near || packet.key.local.address.is_loopback() ||
        packet.key.remote.address.is_loopback())
        return false;
    if (packet.key.proto == Proto::udp) return true;
    // A connection's data must not be answered by the peer, and a new one only the peer itself can open.
    return (kernel.what == Found::What::connection) != is_peers_own(packet.key.remote.address);
}

void Delivery::put_on_wire(const Packet& packet) {
    const FlowKey& key = packet.key;
    const test::Packet ip = ip_packet(key.remote, key.local, near_mac_);
    test::Bytes frame;
    if (key.proto == Proto::udp) {
        frame = ip.udp(key.remote.port, key.local.port).bytes();
    } else {
        std::uint32_t& sent = sent_bytes_[key];
        frame = ip.tcp(key.remote.port, key.local.port)
                    .seq(received_sequence + sent)
                    .ack(sent_sequence)
                    .window(65'535)
                    .payload(std::size_t{1})
                    .bytes();
        ++sent;
    }
    if (::send(wire_.get(), frame.data(), frame.size(), 0) < 0) raise("send");
}

void Delivery::wait_for_wire() {
    const SocketAddress from{Address::parse(own_address_ipv4).value(), mark_port};
    const SocketAddress to{Address::parse(near_addresses[0]).value(), mark_port};
    const auto frame = ip_packet(from, to, near_mac_).udp(from.port, to.port).bytes();
    if (::send(wire_.get(), frame.data(), frame.size(), 0) < 0) raise("send the mark");
    pollfd polled{mark_.get(), POLLIN, 0};
    if (::poll(&polled, 1, test::patience_ms(5000)) != 1) throw std::runtime_error("the mark did not arrive");
    char byte = 0;
    if (::recv(mark_.get(), &byte, 1, 0) < 0) raise("receive the mark");
}

Fd Delivery::connecting(const Packet& packet) const {
    const NetnsScope there = enter(peer_);
    const bool ipv6 = packet.key.local.address.family() == Family::ipv6;
    Fd client(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!client.valid()) raise("socket of the peer");
    const int on = 1;
    ::setsockopt(client.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const linger at_once{1, 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    const SocketName from = name_of(packet.key.remote, ipv6);
    if (::bind(client.get(), from.get(), from.size) != 0) raise("bind in the peer's namespace");
    const SocketName to = name_of(packet.key.local, ipv6);
    if (::connect(client.get(), to.get(), to.size) != 0 && errno != EINPROGRESS && errno != ECONNREFUSED)
        raise("connect from the peer's namespace");
    return client;
}

void Delivery::connect_from_peer(const Packet& packet, const LiveSockets& sockets, std::optional<Found>& receiver) {
    const Fd client = connecting(packet);
    pollfd polled{client.get(), POLLOUT, 0};
    if (::poll(&polled, 1, test::patience_ms(5000)) != 1)
        throw std::runtime_error("a connection is neither made nor refused: " + packet.key.to_string());
    if ((polled.revents & (POLLERR | POLLHUP)) != 0) return;  // refused
    Fd accepted;
    if (!test::wait_until([&] { return (receiver = receiver_of(sockets, accepted)).has_value(); }))
        throw std::runtime_error("nobody accepts what was connected: " + packet.key.to_string());
}

Found Delivery::send(const Packet& packet, const LiveSockets& sockets) {
    std::optional<Found> receiver;
    if (packet.key.proto == Proto::tcp && is_peers_own(packet.key.remote.address)) {
        connect_from_peer(packet, sockets, receiver);
    } else {
        put_on_wire(packet);
    }
    wait_for_wire();
    if (!receiver) {
        Fd accepted;
        receiver = receiver_of(sockets, accepted);
    }
    return receiver.value_or(Found{});
}

}  // namespace xdemux::oracle
