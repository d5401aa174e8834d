// SPDX-License-Identifier: BSD-2-Clause
#include "verify_draw.h"

#include <algorithm>

namespace xdemux {
namespace {

constexpr std::uint8_t flag_mixes[] = {
    tcp_syn,
    tcp_ack,
    tcp_syn | tcp_ack,
    tcp_psh | tcp_ack,
    tcp_fin | tcp_ack,
    tcp_fin,
    tcp_rst,
    tcp_rst | tcp_ack,
    tcp_urg,
    0,
    tcp_fin | tcp_psh | tcp_urg,
    tcp_fin | tcp_syn | tcp_rst | tcp_psh | tcp_ack | tcp_urg,
};

Family other(Family family) {
    return family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
}

/// The address with its bit, counted from the last, turned over.
Address flipped(const Address& address, std::size_t bit) {
    Address::Bytes bytes = address.bytes();
    const std::size_t last = address_bits(address.family()) / 8U - 1U;
    bytes[last - bit / 8U] = static_cast<std::uint8_t>(bytes[last - bit / 8U] ^ (1U << bit % 8U));
    if (address.family() == Family::ipv6) return Address::ipv6(bytes);
    return Address::ipv4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

}  // namespace

std::string_view drawn_name(Drawn drawn) {
    switch (drawn) {
        case Drawn::hit:
            return "hit";
        case Drawn::other_address:
            return "other address";
        case Drawn::other_port:
            return "other port";
        case Drawn::other_proto:
            return "other protocol";
        case Drawn::other_remote:
            return "other remote";
        case Drawn::other_family:
            return "other family";
        case Drawn::first_fragment:
            return "first fragment";
        case Drawn::later_fragment:
            return "later fragment";
        case Drawn::group:
            break;
    }
    return "group address";
}

Address PacketDraw::any_remote(Family family) {
    const std::uint64_t high = random_();
    if (family == Family::ipv4) {
        auto first = static_cast<std::uint8_t>(1 + high % 223);
        if (first == 127) first = 128;
        return Address::ipv4({first, static_cast<std::uint8_t>(high >> 16U), static_cast<std::uint8_t>(high >> 24U),
                              static_cast<std::uint8_t>(high >> 32U)});
    }
    Address::Bytes bytes{0x20};  // global unicast, 2000::/3
    for (std::size_t i = 1; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(random_());
    return Address::ipv6(bytes);
}

Address PacketDraw::any_local(Family family) {
    const auto& locals = aims_.locals[static_cast<std::size_t>(family)];
    return locals.empty() ? any_remote(family) : locals[below(locals.size())];
}

Address PacketDraw::within(const Prefix& prefix) {
    const std::size_t host_bits = static_cast<std::size_t>(address_bits(prefix.address.family()) - prefix.length);
    Address address = prefix.address;
    for (std::size_t bit = 0; bit < host_bits; ++bit) {
        if (below(2) == 1) address = flipped(address, bit);
    }
    return address;
}

Address PacketDraw::near(const Address& address) {
    switch (below(3)) {
        case 0:
            return flipped(address, below(3));
        case 1:
            return any_local(address.family());
        default:
            return flipped(address, below(address_bits(address.family())));
    }
}

Address PacketDraw::group(Family family) {
    if (family == Family::ipv6)
        return Address::ipv6({0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(random_())});
    if (below(2) == 0) return Address::ipv4({255, 255, 255, 255});
    return Address::ipv4({224, 0, 0, static_cast<std::uint8_t>(random_())});
}

std::uint16_t PacketDraw::port_in(const PortRange& ports) {
    if (ports.is_all()) return any_port();
    const auto count = static_cast<std::uint64_t>(ports.last - ports.first) + 1;
    switch (below(4)) {
        case 0:
            return ports.first;
        case 1:
            return ports.last;
        default:
            return static_cast<std::uint16_t>(ports.first + below(count));
    }
}

std::uint16_t PacketDraw::near(std::uint16_t port) {
    switch (below(8)) {
        case 0:
            return 0;
        case 1:
            return any_port();
        case 2:
        case 3:
        case 4:
            return static_cast<std::uint16_t>(port - 1U);
        default:
            return static_cast<std::uint16_t>(port + 1U);
    }
}

PacketSpec PacketDraw::hit(const Aim& aim) {
    PacketSpec spec;
    spec.proto = aim.proto;
    Family family = aim.local.family();
    if (aim.both_families && below(2) == 0) family = other(family);
    switch (aim.local.form) {
        case LocalForm::exact:
            spec.destination.address = aim.local.address();
            break;
        case LocalForm::prefix:
            spec.destination.address = within(aim.local.prefix);
            break;
        case LocalForm::wildcard:
            spec.destination.address = any_local(family);
            break;
    }
    spec.destination.port = port_in(aim.local.ports);
    spec.source = aim.remote ? *aim.remote : SocketAddress{any_remote(family), any_port()};
    spec.tcp_flags = below(4) == 0 ? std::uint8_t{tcp_syn} : flag_mixes[below(std::size(flag_mixes))];
    return spec;
}

void PacketDraw::change_remote(PacketSpec& spec) {
    switch (below(3)) {
        case 0:
            spec.source.port = near(spec.source.port);
            break;
        case 1:
            spec.source.address = flipped(spec.source.address, below(3));
            break;
        default:
            spec.source = {any_remote(spec.source.address.family()), any_port()};
    }
}

void PacketDraw::change_family(PacketSpec& spec) {
    const Family family = other(spec.destination.address.family());
    spec.destination.address = any_local(family);
    spec.source.address = any_remote(family);
}

void PacketDraw::change(PacketSpec& spec, Drawn drawn) {
    switch (drawn) {
        case Drawn::hit:
            break;
        case Drawn::other_address:
            spec.destination.address = near(spec.destination.address);
            break;
        case Drawn::other_port:
            spec.destination.port = near(spec.destination.port);
            break;
        case Drawn::other_proto:
            spec.proto = spec.proto == Proto::tcp ? Proto::udp : Proto::tcp;
            break;
        case Drawn::other_remote:
            change_remote(spec);
            break;
        case Drawn::other_family:
            change_family(spec);
            break;
        case Drawn::first_fragment:
            spec.part = PacketPart::first_fragment;
            break;
        case Drawn::later_fragment:
            spec.part = PacketPart::later_fragment;
            break;
        case Drawn::group:
            spec.destination.address = group(spec.destination.address.family());
            break;
    }
}

DrawnPacket PacketDraw::next() {
    const auto& aims = aims_.groups[below(aims_.groups.size())];
    DrawnPacket packet;
    packet.spec = hit(aims[below(aims.size())]);
    packet.drawn = static_cast<Drawn>(below(drawn_kinds));
    change(packet.spec, packet.drawn);
    // Whether packets to loopback addresses come in is the ingress device's matter, not the tables'.
    Address& destination = packet.spec.destination.address;
    if (destination.is_loopback() && !aims_.loopback) destination = any_local(destination.family());
    return packet;
}

}  // namespace xdemux
