// SPDX-License-Identifier: BSD-2-Clause
// Draws packets around endpoints: hits, near misses in each field, pieces of datagrams, groups, every mix of TCP flags.
// Pure, and the same for the same seed. Private to this box.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include <xdemux/ops/packet.h>
#include <xdemux/policy/endpoint.h>

namespace xdemux {

enum class Drawn : std::uint8_t {
    hit,
    other_address,
    other_port,
    other_proto,
    other_remote,
    other_family,
    first_fragment,
    later_fragment,
    group,  ///< a multicast or broadcast destination
};
inline constexpr std::size_t drawn_kinds = 9;
/// "hit", "other address", ...
std::string_view drawn_name(Drawn drawn);

/// An endpoint to aim at.
struct Aim {
    Proto proto = Proto::tcp;
    LocalEndpoint local;
    bool both_families = false;           ///< of an IPv6 wildcard
    std::optional<SocketAddress> remote;  ///< none: anyone
};

/// What there is to aim at.
struct Aims {
    std::vector<std::vector<Aim>> groups;  ///< of listeners, flows, sockets; none empty; drawn from in equal parts
    std::array<std::vector<Address>, 2> locals;  ///< by Family: addresses of this host
    bool loopback = false;                       ///< whether packets to loopback addresses come in
};

struct DrawnPacket {
    PacketSpec spec;
    Drawn drawn = Drawn::hit;
};

class PacketDraw {
  public:
    PacketDraw(const Aims& aims, std::uint64_t seed) : aims_(aims), random_(seed) {}
    DrawnPacket next();

  private:
    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    std::uint16_t any_port() { return static_cast<std::uint16_t>(1 + below(65'535)); }
    Address any_remote(Family family);
    Address any_local(Family family);
    Address within(const Prefix& prefix);
    Address near(const Address& address);
    Address group(Family family);
    std::uint16_t port_in(const PortRange& ports);
    std::uint16_t near(std::uint16_t port);
    PacketSpec hit(const Aim& aim);
    void change(PacketSpec& spec, Drawn drawn);
    void change_remote(PacketSpec& spec);
    void change_family(PacketSpec& spec);

    const Aims& aims_;
    std::mt19937_64 random_;
};

}  // namespace xdemux
