// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <xdemux/kernel/netlink.h>

#include "netlink_dump.h"
#include "route_rules.h"

namespace xdemux {
namespace {

XdpAttachment attachment_of(std::uint8_t attached) {
    switch (attached) {
        case XDP_ATTACHED_DRV:
            return XdpAttachment::native;
        case XDP_ATTACHED_SKB:
            return XdpAttachment::generic;
        case XDP_ATTACHED_HW:
            return XdpAttachment::offload;
        case XDP_ATTACHED_MULTI:
            return XdpAttachment::multiple;
        default:
            return XdpAttachment::none;
    }
}

void read_xdp(nlattr* nested, Interface& interface) {
    nlattr* attributes[IFLA_XDP_MAX + 1] = {};
    if (nested == nullptr || nla_parse_nested(attributes, IFLA_XDP_MAX, nested, nullptr) < 0) return;
    interface.xdp = attachment_of(attribute_or_zero<std::uint8_t>(attributes[IFLA_XDP_ATTACHED]));
    for (const int slot : {IFLA_XDP_DRV_PROG_ID, IFLA_XDP_SKB_PROG_ID, IFLA_XDP_PROG_ID, IFLA_XDP_HW_PROG_ID}) {
        interface.xdp_prog_id = attribute_or_zero<std::uint32_t>(attributes[slot]);
        if (interface.xdp_prog_id != 0) return;
    }
}

std::uint32_t read_vrf_table(nlattr* nested) {
    nlattr* attributes[IFLA_VRF_MAX + 1] = {};
    if (nested == nullptr || nla_parse_nested(attributes, IFLA_VRF_MAX, nested, nullptr) < 0) return 0;
    return attribute_or_zero<std::uint32_t>(attributes[IFLA_VRF_TABLE]);
}

void read_kind(nlattr* nested, Interface& interface) {
    nlattr* attributes[IFLA_INFO_MAX + 1] = {};
    if (nested == nullptr || nla_parse_nested(attributes, IFLA_INFO_MAX, nested, nullptr) < 0) return;
    if (attributes[IFLA_INFO_KIND] != nullptr) interface.kind = nla_get_string(attributes[IFLA_INFO_KIND]);
    if (interface.kind == "vrf") interface.route_table = read_vrf_table(attributes[IFLA_INFO_DATA]);
}

/// Tunnels have addresses of four and sixteen bytes, InfiniBand of twenty.
MacAddress read_mac(const nlattr* address) {
    return address != nullptr && nla_len(address) == sizeof(MacAddress) ? attribute_or_zero<MacAddress>(address)
                                                                        : MacAddress{};
}

std::vector<std::string> read_alternative_names(nlattr* nested) {
    std::vector<std::string> names;
    if (nested == nullptr) return names;
    int left = 0;
    nlattr* property = nullptr;
    nla_for_each_nested(property, nested, left) {
        if (nla_type(property) == IFLA_ALT_IFNAME) names.emplace_back(nla_get_string(property));
    }
    return names;
}

void read_link(const nlmsghdr& message, std::vector<Interface>& links) {
    if (message.nlmsg_type != RTM_NEWLINK) return;
    // libnl parses without changing the message; its parameters merely lack the const.
    auto* header = const_cast<nlmsghdr*>(&message);
    nlattr* attributes[IFLA_MAX + 1] = {};
    if (nlmsg_parse(header, sizeof(ifinfomsg), attributes, IFLA_MAX, nullptr) < 0) return;
    ifinfomsg info{};
    std::memcpy(&info, nlmsg_data(&message), sizeof info);

    Interface interface;
    interface.ifindex = static_cast<std::uint32_t>(info.ifi_index);
    if (attributes[IFLA_IFNAME] != nullptr) interface.name = nla_get_string(attributes[IFLA_IFNAME]);
    interface.alternative_names = read_alternative_names(attributes[IFLA_PROP_LIST]);
    interface.mtu = attribute_or_zero<std::uint32_t>(attributes[IFLA_MTU]);
    interface.link_type = info.ifi_type;
    interface.mac = read_mac(attributes[IFLA_ADDRESS]);
    interface.up = (info.ifi_flags & IFF_UP) != 0;
    interface.loopback = (info.ifi_flags & IFF_LOOPBACK) != 0;
    interface.master = attribute_or_zero<std::uint32_t>(attributes[IFLA_MASTER]);
    read_kind(attributes[IFLA_LINKINFO], interface);
    read_xdp(attributes[IFLA_XDP], interface);
    // IFLA_LINK_NETNSID says that IFLA_LINK is an index of another namespace, where it may equal one of ours by chance.
    if (attributes[IFLA_LINK_NETNSID] == nullptr)
        interface.lower = attribute_or_zero<std::uint32_t>(attributes[IFLA_LINK]);
    links.push_back(std::move(interface));
}

bool is_named(const Interface& interface, std::string_view name) {
    return interface.name == name ||
           std::ranges::find(interface.alternative_names, name) != interface.alternative_names.end();
}

RouteKind kind_of(unsigned char type) {
    switch (type) {
        case RTN_LOCAL:
            return RouteKind::local;
        case RTN_UNICAST:
            return RouteKind::unicast;
        case RTN_BROADCAST:
            return RouteKind::broadcast;
        case RTN_MULTICAST:
            return RouteKind::multicast;
        default:
            return RouteKind::other;
    }
}

struct TableRoute {
    Route route;
    Family family;
    std::uint32_t table;
};

std::optional<TableRoute> read_route(const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE) return std::nullopt;
    auto* header = const_cast<nlmsghdr*>(&message);
    nlattr* attributes[RTA_MAX + 1] = {};
    if (nlmsg_parse(header, sizeof(rtmsg), attributes, RTA_MAX, nullptr) < 0) return std::nullopt;
    rtmsg route{};
    std::memcpy(&route, nlmsg_data(&message), sizeof route);

    const std::uint32_t ifindex = attribute_or_zero<std::uint32_t>(attributes[RTA_OIF]);
    const std::uint32_t table = attribute_or_zero<std::uint32_t>(attributes[RTA_TABLE]);
    // A default route has no RTA_DST: the address is then all zeros, which is what it means.
    if (route.rtm_family == AF_INET) {
        const auto bytes = attribute_or_zero<std::array<std::uint8_t, 4>>(attributes[RTA_DST]);
        const auto prefix = Prefix::of(Address::ipv4(bytes), route.rtm_dst_len);
        return TableRoute{{kind_of(route.rtm_type), prefix, ifindex}, Family::ipv4, table};
    }
    if (route.rtm_family != AF_INET6) return std::nullopt;
    const auto bytes = attribute_or_zero<std::array<std::uint8_t, 16>>(attributes[RTA_DST]);
    const auto prefix = Prefix::of(Address::ipv6(bytes), route.rtm_dst_len);
    return TableRoute{{kind_of(route.rtm_type), prefix, ifindex}, Family::ipv6, table};
}

/// The tables whose local routes count, whatever the packet.
Result<RuledTables> local_tables() {
    auto tables = unconditional_tables();
    if (!tables) return fail(std::move(tables.error()));
    const auto all = interfaces();
    if (!all) return fail(all.error());
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        auto& of_family = (*tables)[family];
        of_family.insert(RT_TABLE_LOCAL);
        for (const Interface& each : *all)
            if (each.route_table != 0) of_family.insert(each.route_table);
    }
    return tables;
}

/// A destination of IPv4 or IPv6 as RTM_GETROUTE takes it.
struct RouteQuestion {
    rtmsg header;
    nlattr attribute;
    std::array<std::uint8_t, 16> address;
};
static_assert(sizeof(RouteQuestion) == sizeof(rtmsg) + sizeof(nlattr) + 16);

/// The kernel's words for "there is no way to it".
bool is_no_route(int error_number) {
    return error_number == ENETUNREACH || error_number == EHOSTUNREACH || error_number == EACCES ||
           error_number == EINVAL;
}

}  // namespace

bool has_ethernet_header(const Interface& interface) {
    return interface.link_type == ARPHRD_ETHER || interface.link_type == ARPHRD_LOOPBACK;
}

std::string link_type_name(std::uint16_t link_type) {
    constexpr std::pair<std::uint16_t, std::string_view> names[] = {
        {ARPHRD_ETHER, "ether"}, {ARPHRD_LOOPBACK, "loopback"},     {ARPHRD_NONE, "none"}, {ARPHRD_PPP, "ppp"},
        {ARPHRD_TUNNEL, "ipip"}, {ARPHRD_TUNNEL6, "tunnel6"},       {ARPHRD_SIT, "sit"},   {ARPHRD_IPGRE, "gre"},
        {ARPHRD_RAWIP, "rawip"}, {ARPHRD_INFINIBAND, "infiniband"},
    };
    const auto* const found = std::ranges::find(names, link_type, [](const auto& each) { return each.first; });
    return found == std::end(names) ? fmt::format("{}", link_type) : std::string(found->second);
}

void mark_vlan_devices(std::span<Interface> all) {
    std::unordered_set<std::uint32_t> carries_vlan;
    std::unordered_map<std::uint32_t, std::uint32_t> master_of;
    for (const Interface& each : all) {
        if (each.kind == "vlan" && each.lower != 0) carries_vlan.insert(each.lower);
        if (each.master != 0) master_of[each.ifindex] = each.master;
    }
    constexpr int deepest_nesting = 8;  // MAX_NEST_DEV of the kernel
    for (Interface& each : all) {
        // A port of a bond or bridge carries the tags of the VLAN devices on its master.
        std::uint32_t index = each.ifindex;
        each.has_vlan_above = carries_vlan.contains(index);
        for (int depth = 0; depth < deepest_nesting && !each.has_vlan_above; ++depth) {
            const auto master = master_of.find(index);
            if (master == master_of.end()) break;
            index = master->second;
            each.has_vlan_above = carries_vlan.contains(index);
        }
    }
}

std::vector<Interface> devices_above(std::span<const Interface> all, std::uint32_t ifindex) {
    constexpr std::string_view stacked_kinds[] = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"};
    std::vector<Interface> above;
    std::vector<std::uint32_t> below = {ifindex};
    for (std::size_t i = 0; i < below.size(); ++i) {
        const auto here = std::ranges::find(all, below[i], &Interface::ifindex);
        const std::uint32_t master = here == all.end() ? 0 : here->master;
        for (const Interface& each : all) {
            const bool stacked =
                each.lower == below[i] && std::ranges::find(stacked_kinds, each.kind) != std::end(stacked_kinds);
            if ((!stacked && each.ifindex != master) || std::ranges::find(below, each.ifindex) != below.end()) continue;
            below.push_back(each.ifindex);
            above.push_back(each);
        }
    }
    return above;
}

Result<std::vector<Interface>> interfaces() {
    ifinfomsg header{};
    header.ifi_family = AF_UNSPEC;
    std::vector<Interface> links;
    const Status done = netlink_dump(
        {NETLINK_ROUTE, RTM_GETLINK, std::as_bytes(std::span(&header, 1))}, "cannot list the interfaces",
        [&] { links.clear(); }, [&](const nlmsghdr& message) { read_link(message, links); });
    if (!done) return fail(done.error());
    mark_vlan_devices(links);
    return links;
}

Result<Interface> interface_by_name(std::string_view name) {
    auto all = interfaces();
    if (!all) return fail(std::move(all.error()));
    const auto found = std::ranges::find_if(*all, [&](const Interface& each) { return is_named(each, name); });
    if (found == all->end()) return fail(ErrorKind::not_found, fmt::format("no interface \"{}\"; see ip link", name));
    return std::move(*found);
}

Result<Interface> interface_by_index(std::uint32_t ifindex) {
    auto all = interfaces();
    if (!all) return fail(std::move(all.error()));
    const auto found = std::ranges::find(*all, ifindex, &Interface::ifindex);
    if (found == all->end())
        return fail(ErrorKind::not_found, fmt::format("no interface with index {}; see ip link", ifindex));
    return std::move(*found);
}

Result<std::vector<LocalRoute>> local_routes() {
    const auto tables = local_tables();
    if (!tables) return fail(tables.error());
    rtmsg header{};
    header.rtm_family = AF_UNSPEC;
    header.rtm_type = RTN_LOCAL;
    std::vector<LocalRoute> routes;
    const Status done = netlink_dump(
        {NETLINK_ROUTE, RTM_GETROUTE, std::as_bytes(std::span(&header, 1)), true}, "cannot list the local routes",
        [&] { routes.clear(); },
        [&](const nlmsghdr& message) {
            const auto found = read_route(message);
            if (found && found->route.kind == RouteKind::local && tables->at(found->family).contains(found->table))
                routes.push_back({found->route.prefix, found->route.ifindex});
        });
    if (!done) return fail(done.error());
    return routes;
}

std::string_view route_kind_name(RouteKind kind) {
    switch (kind) {
        case RouteKind::local:
            return "local";
        case RouteKind::unicast:
            return "unicast";
        case RouteKind::broadcast:
            return "broadcast";
        case RouteKind::multicast:
            return "multicast";
        case RouteKind::other:
            return "other";
        case RouteKind::none:
            break;
    }
    return "no route";
}

Result<Route> route_to(const Address& destination) {
    const std::uint8_t bits = address_bits(destination.family());
    RouteQuestion question{};
    question.header.rtm_family = destination.family() == Family::ipv4 ? AF_INET : AF_INET6;
    question.header.rtm_dst_len = bits;
    question.header.rtm_flags = RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH;
    question.attribute.nla_type = RTA_DST;
    question.attribute.nla_len = static_cast<std::uint16_t>(sizeof question.attribute + bits / 8U);
    question.address = destination.bytes();
    const std::size_t size = sizeof question.header + question.attribute.nla_len;
    Route found{RouteKind::none, {destination, bits}, 0};
    const Status done = netlink_ask({NETLINK_ROUTE, RTM_GETROUTE, std::as_bytes(std::span(&question, 1)).first(size)},
                                    fmt::format("cannot look up the route to {}", destination.to_string()),
                                    [&](const nlmsghdr& message) {
                                        if (const auto answer = read_route(message)) found = answer->route;
                                    });
    if (!done && !is_no_route(done.error().error_number())) return fail(done.error());
    return found;
}

}  // namespace xdemux
