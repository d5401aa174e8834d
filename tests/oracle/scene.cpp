// SPDX-License-Identifier: BSD-2-Clause
#include "scene.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace xdemux::oracle {
namespace {

constexpr unsigned fewest_sockets = 6;
constexpr unsigned most_sockets = 32;

Address address(const char* text) {
    return Address::parse(text).value();
}

template <std::size_t Size>
Address pick(const char* const (&texts)[Size], Family family, std::mt19937_64& random) {
    for (;;) {
        const Address drawn = address(texts[random() % Size]);
        if (drawn.family() == family) return drawn;
    }
}

Family other(Family family) {
    return family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
}

std::uint16_t port_from(std::uint16_t first, std::uint64_t number) {
    return static_cast<std::uint16_t>(first + number);
}

SocketKind draw_kind(Proto proto, std::mt19937_64& random) {
    const auto drawn = random() % 8;
    if (drawn < 5) return SocketKind::waiting;
    return proto == Proto::tcp && drawn == 7 ? SocketKind::time_wait : SocketKind::connected;
}

Sharing draw_sharing(std::mt19937_64& random) {
    const auto drawn = random() % 8;
    if (drawn < 5) return Sharing::reuseport;
    return drawn == 5 ? Sharing::reuseaddr : Sharing::alone;
}

Address draw_local(const SocketSpec& socket, Family family, std::mt19937_64& random) {
    const bool waits = socket.kind == SocketKind::waiting;
    if (waits && random() % 2 == 0) return Address::any(family);
    // Of what was closed the other end is in the peer's namespace, which loopback addresses do not reach.
    if (socket.kind != SocketKind::time_wait && random() % 6 == 0) return pick(loopback_addresses, family, random);
    return pick(near_addresses, family, random);
}

SocketSpec draw_socket(std::mt19937_64& random, std::uint16_t first_port) {
    SocketSpec socket;
    socket.proto = random() % 2 == 0 ? Proto::tcp : Proto::udp;
    socket.kind = draw_kind(socket.proto, random);
    const Family family = random() % 2 == 0 ? Family::ipv4 : Family::ipv6;
    socket.local = {draw_local(socket, family, random), port_from(first_port, random() % scene_ports)};
    socket.ipv6_socket = family == Family::ipv6 || (!socket.local.address.is_wildcard() && random() % 4 == 0);
    socket.v6only = family == Family::ipv6 && random() % 3 == 0;
    socket.sharing = draw_sharing(random);
    const auto device = random() % 8;
    if (device < 3) socket.device = device == 0 ? Port::loopback : Port::near;
    if (socket.kind == SocketKind::waiting) return socket;
    socket.remote =
        SocketAddress{pick(far_addresses, family, random), port_from(first_remote_port, random() % remote_ports)};
    // There is no way to the other end by the loopback device, nor from a loopback address.
    if (socket.local.address.is_loopback())
        socket.remote->address = socket.local.address;
    else if (socket.device == Port::loopback)
        socket.device = Port::near;
    if (socket.local.address.is_loopback() && socket.device == Port::near) socket.device = Port::loopback;
    // The closing other end must be an address of the peer.
    if (socket.kind == SocketKind::time_wait)
        socket.remote->address = address(family == Family::ipv4 ? "192.0.2.2" : "2001:db8::2");
    return socket;
}

}  // namespace

const char* device_name(Port device) {
    switch (device) {
        case Port::near:
            return "xd0";
        case Port::loopback:
            return "lo";
        case Port::any:
            break;
    }
    return "";
}

bool SocketSpec::speaks(Family family) const {
    if (local.address.family() == family) return true;
    return family == Family::ipv4 && kind == SocketKind::waiting && local.address.is_wildcard() && !v6only;
}

std::string SocketSpec::kind_name() const {
    if (kind == SocketKind::time_wait) return "tcp TIME_WAIT";
    if (kind == SocketKind::connected) return fmt::format("{} connected", proto_name(proto));
    return proto == Proto::tcp ? "tcp listening" : "udp bound";
}

std::string SocketSpec::describe() const {
    std::string text = fmt::format("{} {}", kind_name(), local.to_string());
    if (remote) text += " with " + remote->to_string();
    if (ipv6_socket && local.address.family() == Family::ipv4) text += " (IPv6 socket)";
    if (v6only) text += " v6only";
    if (device != Port::any) text += fmt::format(" on {}", device_name(device));
    if (sharing == Sharing::reuseaddr) text += " reuseaddr";
    if (sharing == Sharing::reuseport) text += " reuseport";
    return text;
}

std::vector<SocketSpec> draw_sockets(std::mt19937_64& random, std::uint16_t first_port) {
    std::vector<SocketSpec> sockets(fewest_sockets + random() % (most_sockets - fewest_sockets + 1));
    std::generate(sockets.begin(), sockets.end(), [&] { return draw_socket(random, first_port); });
    std::stable_sort(sockets.begin(), sockets.end(), [](const auto& a, const auto& b) { return a.kind < b.kind; });
    return sockets;
}

SocketAddress PacketSource::any_remote(Family family) {
    return {pick(far_addresses, family, random_), port_from(first_remote_port, random_() % (remote_ports + 1))};
}

Address PacketSource::any_local(Family family) {
    return chance(4) ? pick(loopback_addresses, family, random_) : pick(near_addresses, family, random_);
}

void PacketSource::miss(FlowKey& key) {
    const Family family = key.local.address.family();
    switch (random_() % 6) {
        case 0:
            key.proto = key.proto == Proto::tcp ? Proto::udp : Proto::tcp;
            break;
        case 1:
            key.local.port = port_from(first_port_, random_() % (scene_ports + 1U));
            break;
        case 2:
            key.local.address = any_local(family);
            break;
        case 3:
            key.remote.port = port_from(first_remote_port, random_() % (remote_ports + 1U));
            break;
        case 4:
            key.remote = any_remote(family);
            break;
        default:
            key.local.address = any_local(other(family));
            key.remote = any_remote(other(family));
    }
}

Packet PacketSource::next() {
    const SocketSpec& aim = sockets_[random_() % sockets_.size()];
    Family family = aim.local.address.family();
    if (family == Family::ipv6 && aim.speaks(Family::ipv4) && chance(2)) family = Family::ipv4;
    Packet packet;
    packet.device = chance(3) ? Port::loopback : Port::near;
    packet.key = {aim.proto, aim.local, aim.remote ? *aim.remote : any_remote(family)};
    if (aim.local.address.is_wildcard()) packet.key.local.address = any_local(family);
    if (chance(2)) miss(packet.key);
    return packet;
}

}  // namespace xdemux::oracle
