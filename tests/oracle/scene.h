// SPDX-License-Identifier: BSD-2-Clause
// A scene of the oracle: sockets as they are described before they are made, and the packets that are held against
// them. Drawn at random, the same for the same seed. It makes no socket and asks nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <xdemux/policy/flow.h>

namespace xdemux::oracle {

enum class SocketKind : std::uint8_t {
    waiting,    ///< TCP: listening; UDP: bound
    connected,  ///< to `remote`
    time_wait,  ///< a TCP connection that was closed from here
};

/// How it shares its endpoint with others.
enum class Sharing : std::uint8_t { alone, reuseaddr, reuseport };

/// Where a socket is bound to, and where a packet comes in.
enum class Port : std::uint8_t { any, near, loopback };
/// "", "xd0", "lo".
const char* device_name(Port device);

struct SocketSpec {
    Proto proto = Proto::tcp;
    SocketKind kind = SocketKind::waiting;
    SocketAddress local;                  ///< on the wire; the wildcard of its family where it waits for any
    std::optional<SocketAddress> remote;  ///< of a connection
    bool ipv6_socket = false;             ///< AF_INET6, where it may speak IPv4 all the same (v4-mapped)
    bool v6only = false;
    Sharing sharing = Sharing::alone;
    Port device = Port::any;

    /// Whether packets of the family come to it at all.
    [[nodiscard]] bool speaks(Family family) const;
    /// "tcp listening", "udp bound", "tcp connected", "tcp TIME_WAIT".
    [[nodiscard]] std::string kind_name() const;
    [[nodiscard]] std::string describe() const;

    friend bool operator==(const SocketSpec&, const SocketSpec&) = default;
};

struct Packet {
    FlowKey key;  ///< local is its destination
    Port device = Port::near;
};

/// Addresses of the test bed.
inline constexpr const char* near_addresses[] = {"192.0.2.1", "192.0.2.3", "2001:db8::1", "2001:db8::3"};
inline constexpr const char* far_addresses[] = {"192.0.2.2", "192.0.2.9", "2001:db8::2", "2001:db8::9"};
inline constexpr const char* loopback_addresses[] = {"127.0.0.1", "::1"};

/// Ports of a scene: so many from its first one. Scenes have ports of their own, since a TIME_WAIT socket outlives its
/// scene for a minute.
inline constexpr std::uint16_t scene_ports = 4;
inline constexpr std::uint16_t remote_ports = 4;  ///< of the other ends, from 40000
inline constexpr std::uint16_t first_remote_port = 40'000;

/// In the order in which they are to be made: what waits, then what is connected.
std::vector<SocketSpec> draw_sockets(std::mt19937_64& random, std::uint16_t first_port);

/// Around the sockets: hits, and near misses in each field.
class PacketSource {
  public:
    PacketSource(const std::vector<SocketSpec>& sockets, std::uint64_t seed, std::uint16_t first_port)
        : sockets_(sockets), random_(seed), first_port_(first_port) {}
    Packet next();

  private:
    bool chance(unsigned one_in) { return random_() % one_in == 0; }
    SocketAddress any_remote(Family family);
    Address any_local(Family family);
    void miss(FlowKey& key);

    const std::vector<SocketSpec>& sockets_;
    std::mt19937_64 random_;
    std::uint16_t first_port_;
};

}  // namespace xdemux::oracle
