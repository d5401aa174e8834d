// SPDX-License-Identifier: BSD-2-Clause
#include "judge.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

namespace xdemux::oracle {
namespace {

// A flow has no device; the kernel's connection may have one.
constexpr std::string_view elsewhere = "connection bound to another device";
// The kernel takes the first of a reuseport group (inet_lhash2_lookup), or of equal scores, so the order of binding
// decides whether what is bound to the device comes first; ours does.
constexpr std::string_view tcp_ipv4_devices = "tcp IPv4, bound to the device beside unbound";
constexpr std::string_view tcp_ipv6_devices = "tcp IPv6, bound to the device beside unbound";
// A UDP reuseport group ends the search too (udp4_lib_lookup2); and a device weighs more there than the family.
constexpr std::string_view udp_ipv4_devices = "udp IPv4, bound to the device beside unbound";
constexpr std::string_view udp_ipv6_devices = "udp IPv6, bound to the device beside unbound";
// And in older kernels (seen on 6.1 and 6.12) before a connection was looked at that is none of the group's.
constexpr std::string_view udp_groups = "udp connection beside a group of others";

constexpr std::array all_classes = {elsewhere,        tcp_ipv4_devices, tcp_ipv6_devices,
                                    udp_ipv4_devices, udp_ipv6_devices, udp_groups};

bool hears(const SocketSpec& socket, const Packet& packet) {
    return socket.proto == packet.key.proto && (socket.device == Port::any || socket.device == packet.device);
}

bool is_connection_of(const SocketSpec& socket, const Packet& packet) {
    return socket.kind != SocketKind::waiting && socket.proto == packet.key.proto && socket.local == packet.key.local &&
           socket.remote == packet.key.remote;
}

/// Those among which the kernel chooses: on the address, and only where there are none on the wildcard.
std::vector<const SocketSpec*> candidates(std::span<const SocketSpec> sockets, const Packet& packet) {
    std::vector<const SocketSpec*> exact;
    std::vector<const SocketSpec*> wildcard;
    for (const SocketSpec& socket : sockets) {
        if (socket.kind != SocketKind::waiting || !hears(socket, packet) || socket.local.port != packet.key.local.port)
            continue;
        if (socket.local.address == packet.key.local.address) exact.push_back(&socket);
        if (socket.local.address.is_wildcard() && socket.speaks(packet.key.local.address.family()))
            wildcard.push_back(&socket);
    }
    return exact.empty() ? wildcard : exact;
}

std::string_view devices_class(const Packet& packet) {
    const bool ipv4 = packet.key.local.address.family() == Family::ipv4;
    if (packet.key.proto == Proto::tcp) return ipv4 ? tcp_ipv4_devices : tcp_ipv6_devices;
    return ipv4 ? udp_ipv4_devices : udp_ipv6_devices;
}

bool differ_in_device(std::span<const SocketSpec* const> sockets) {
    return std::any_of(sockets.begin(), sockets.end(),
                       [&](const SocketSpec* socket) { return socket->device != sockets.front()->device; });
}

bool is_one_of(std::span<const SocketSpec* const> sockets, const Found& found) {
    return std::any_of(sockets.begin(), sockets.end(), [&](const SocketSpec* socket) {
        return found == Found{Found::What::waiting, socket->local, socket->device};
    });
}

/// As udp_reuseport_add_sock() has it, of those on one address.
bool are_one_group(const SocketSpec& a, const SocketSpec& b) {
    return a.sharing == Sharing::reuseport && b.sharing == Sharing::reuseport && a.device == b.device &&
           a.ipv6_socket == b.ipv6_socket && a.v6only == b.v6only;
}

bool is_beside_group(const SocketSpec& connection, std::span<const SocketSpec> sockets, const Packet& packet) {
    const auto waiting = candidates(sockets, packet);
    return packet.key.proto == Proto::udp && std::any_of(waiting.begin(), waiting.end(), [&](const SocketSpec* socket) {
               return socket->sharing == Sharing::reuseport && !are_one_group(*socket, connection) &&
                      socket->local.address == connection.local.address;
           });
}

/// What decides where the two differ; empty: nothing that may.
std::string_view class_of(std::span<const SocketSpec> sockets, const Packet& packet) {
    const SocketSpec* connected = nullptr;
    bool connected_elsewhere = false;
    for (const SocketSpec& socket : sockets) {
        if (!is_connection_of(socket, packet)) continue;
        if (hears(socket, packet))
            connected = &socket;
        else
            connected_elsewhere = true;
    }
    if (connected != nullptr) return is_beside_group(*connected, sockets, packet) ? udp_groups : std::string_view();
    if (connected_elsewhere) return elsewhere;
    const auto waiting = candidates(sockets, packet);
    return !waiting.empty() && differ_in_device(waiting) ? devices_class(packet) : std::string_view();
}

}  // namespace

std::string Found::describe() const {
    if (what == What::nobody) return "nobody";
    if (what == What::connection) return "the connection";
    std::string text = "what waits on " + local.to_string();
    if (device != Port::any) text += fmt::format(" on {}", device_name(device));
    return text;
}

Judgement judge(std::span<const SocketSpec> sockets, const Packet& packet, const Found& kernel, const Found& program) {
    const std::string_view design = class_of(sockets, packet);
    if (kernel == program) return {Outcome::agreed, design};
    if (design == elsewhere && program.what == Found::What::connection) return {Outcome::by_design, design};
    const auto waiting = candidates(sockets, packet);
    const bool program_may =
        design == udp_groups ? program.what == Found::What::connection : is_one_of(waiting, program);
    if (!design.empty() && design != elsewhere && is_one_of(waiting, kernel) && program_may)
        return {Outcome::by_design, design};
    return {Outcome::mismatch, design};
}

std::span<const std::string_view> design_classes() {
    return all_classes;
}

std::string kind_of(const Packet& packet, const Found& kernel) {
    const auto what = [&] {
        if (kernel.what == Found::What::nobody) return "nobody";
        if (kernel.what == Found::What::connection) return "connection";
        return kernel.local.address.is_wildcard() ? "wildcard address" : "exact address";
    };
    return fmt::format("{} {}, {}", proto_name(packet.key.proto), family_name(packet.key.local.address.family()),
                       what());
}

}  // namespace xdemux::oracle
