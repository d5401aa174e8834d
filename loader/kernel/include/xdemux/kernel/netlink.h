// SPDX-License-Identifier: BSD-2-Clause
// Reads interfaces and local routes of the calling thread's network namespace by rtnetlink. It changes nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <net/if_arp.h>

#include <xdemux/base/error.h>
#include <xdemux/policy/address.h>
#include <xdemux/policy/target.h>

namespace xdemux {

/// Where an XDP program sits; `multiple` is one in hardware beside one in software.
enum class XdpAttachment { none, generic, native, offload, multiple };

struct Interface {
    std::uint32_t ifindex = 0;
    std::string name;
    std::vector<std::string> alternative_names;
    std::uint32_t mtu = 0;                   ///< bytes above layer 2
    std::uint16_t link_type = ARPHRD_ETHER;  ///< what its frames begin with: ARPHRD_ETHER, ARPHRD_NONE, ...
    MacAddress mac{};                        ///< zero where the interface has no 6-byte address, and of loopback
    bool up = false;                         ///< administratively (IFF_UP)
    bool loopback = false;
    std::uint32_t master = 0;  ///< ifindex of the bridge, bond or VRF that it belongs to; 0 for none
    /// ifindex of the device that it sits on (a VLAN's, the other end of a veth pair); 0 for none, or one of another
    /// namespace
    std::uint32_t lower = 0;
    std::string kind;               ///< "veth", "vlan", "bridge", ...; empty for a hardware device
    std::uint32_t route_table = 0;  ///< of a VRF: the table in which its ports' packets are looked up; else 0
    XdpAttachment xdp = XdpAttachment::none;
    std::uint32_t xdp_prog_id = 0;  ///< the software program (native, else generic); else the offloaded one
    /// A VLAN device of this namespace sits on it, or on a master of it. One that was moved to another namespace is
    /// not seen.
    bool has_vlan_above = false;
};

/// Whether frames begin with an Ethernet header, as those of the loopback device do too.
bool has_ethernet_header(const Interface& interface);
/// Of ARPHRD_*, as ip-link(8) names them: "ether", "none", "ppp"; its number where that has no name here.
std::string link_type_name(std::uint16_t link_type);

/// Fills has_vlan_above from the kind, lower and master of `all`, which are the interfaces of one namespace. Pure;
/// interfaces() has done it.
void mark_vlan_devices(std::span<Interface> all);

/// The devices that sit on that one, directly or by way of others: the master that it is a port of, and VLAN, macvlan,
/// ipvlan and MACsec devices. Pure; `all` are the interfaces of one namespace.
std::vector<Interface> devices_above(std::span<const Interface> all, std::uint32_t ifindex);

/// All interfaces, in the kernel's order. A dump that a change interrupted is repeated.
Result<std::vector<Interface>> interfaces();

/// By name or alternative name. Error: `not_found`.
Result<Interface> interface_by_name(std::string_view name);

/// Error: `not_found`.
Result<Interface> interface_by_index(std::uint32_t ifindex);

/// A route by which the kernel delivers to the host itself (RTN_LOCAL).
struct LocalRoute {
    Prefix prefix;
    std::uint32_t ifindex = 0;  ///< 0 where the route names no single device

    friend bool operator==(const LocalRoute&, const LocalRoute&) = default;
};

/// An Ethernet address that frames for this host have where they come in.
struct LocalLink {
    std::uint32_t ifindex = 0;
    MacAddress mac{};

    friend auto operator<=>(const LocalLink&, const LocalLink&) = default;
};

/// The local routes of both families in the tables that count for any packet: the local table, those of VRFs, and what
/// rules without a condition name. So a prefix can appear more than once, and a table that is only asked about marked
/// packets (TPROXY's) does not make its destinations local. The kernel filters by type, hence a host with a million
/// forwarding routes answers as fast as one with none; a dump that a change interrupted is repeated.
Result<std::vector<LocalRoute>> local_routes();

/// What the kernel does with a packet for a destination.
enum class RouteKind : std::uint8_t { local, unicast, broadcast, multicast, other, none };
/// "local", "unicast", ...; none is "no route".
std::string_view route_kind_name(RouteKind kind);

struct Route {
    RouteKind kind = RouteKind::none;
    Prefix prefix;              ///< of the entry that matched; of none: the address
    std::uint32_t ifindex = 0;  ///< 0 where it names no single device
};

/// By the kernel's own look-up, as for a packet that this host sends: local destinations are the same either way, but
/// neither a VRF nor a policy rule for an ingress device counts.
Result<Route> route_to(const Address& destination);

}  // namespace xdemux
