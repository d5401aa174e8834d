// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include <linux/rtnetlink.h>

#include <xdemux/kernel/upstream.h>

#include "netlink_dump.h"

namespace xdemux {
namespace {

Address address_of(int family, const void* bytes) {
    if (family == AF_INET) {
        std::array<std::uint8_t, 4> ipv4{};
        std::memcpy(ipv4.data(), bytes, ipv4.size());
        return Address::ipv4(ipv4);
    }
    Address::Bytes ipv6{};
    std::memcpy(ipv6.data(), bytes, ipv6.size());
    return Address::ipv6(ipv6);
}

/// RTA_GATEWAY is of the route's family; RTA_VIA (RFC 5549) brings its own.
void read_gateway(int family, nlattr* const* attributes, std::vector<Address>& gateways) {
    const auto size = [](int of) { return of == AF_INET ? 4 : 16; };
    if (const nlattr* gateway = attributes[RTA_GATEWAY]; gateway != nullptr && nla_len(gateway) >= size(family))
        gateways.push_back(address_of(family, nla_data(gateway)));
    const nlattr* via = attributes[RTA_VIA];
    if (via == nullptr || nla_len(via) < static_cast<int>(sizeof(rtvia))) return;
    rtvia header{};
    std::memcpy(&header, nla_data(via), sizeof header);
    if (nla_len(via) >= static_cast<int>(sizeof header) + size(header.rtvia_family))
        gateways.push_back(
            address_of(header.rtvia_family, static_cast<const std::byte*>(nla_data(via)) + sizeof header));
}

void read_multipath(int family, const nlattr* nested, std::vector<Address>& gateways) {
    auto* hop = static_cast<rtnexthop*>(nla_data(nested));
    int left = nla_len(nested);
    while (left >= static_cast<int>(sizeof *hop) && hop->rtnh_len >= sizeof *hop && hop->rtnh_len <= left) {
        nlattr* attributes[RTA_MAX + 1] = {};
        auto* first = reinterpret_cast<nlattr*>(RTNH_DATA(hop));
        if (nla_parse(attributes, RTA_MAX, first, hop->rtnh_len - static_cast<int>(sizeof *hop), nullptr) >= 0)
            read_gateway(family, attributes, gateways);
        left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
        hop = RTNH_NEXT(hop);
    }
}

void read_default_route(const nlmsghdr& message, std::vector<Address>& gateways) {
    if (message.nlmsg_type != RTM_NEWROUTE) return;
    rtmsg route{};
    std::memcpy(&route, nlmsg_data(&message), sizeof route);
    if (route.rtm_dst_len != 0 || route.rtm_type != RTN_UNICAST) return;
    if (route.rtm_family != AF_INET && route.rtm_family != AF_INET6) return;
    nlattr* attributes[RTA_MAX + 1] = {};
    // libnl parses without changing the message; its parameters merely lack the const.
    if (nlmsg_parse(const_cast<nlmsghdr*>(&message), sizeof route, attributes, RTA_MAX, nullptr) < 0) return;
    read_gateway(route.rtm_family, attributes, gateways);
    if (attributes[RTA_MULTIPATH] != nullptr) read_multipath(route.rtm_family, attributes[RTA_MULTIPATH], gateways);
}

/// "fe80::1%eth0" is an address of eth0.
std::optional<Address> parse_server(std::string text) {
    text.erase(std::min(text.find('%'), text.size()));
    const auto address = Address::parse(text);
    return address ? std::optional(*address) : std::nullopt;
}

}  // namespace

Result<std::vector<Address>> default_gateways() {
    rtmsg header{};
    header.rtm_family = AF_UNSPEC;
    header.rtm_type = RTN_UNICAST;
    std::vector<Address> gateways;
    const Status done = netlink_dump(
        {NETLINK_ROUTE, RTM_GETROUTE, std::as_bytes(std::span(&header, 1)), true}, "cannot list the default routes",
        [&] { gateways.clear(); }, [&](const nlmsghdr& message) { read_default_route(message, gateways); });
    if (!done) return fail(done.error());
    std::sort(gateways.begin(), gateways.end());
    gateways.erase(std::unique(gateways.begin(), gateways.end()), gateways.end());
    return gateways;
}

std::vector<Address> resolvers(const std::string& path) {
    std::vector<Address> found;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string keyword;
        std::string server;
        if (!(words >> keyword >> server) || keyword != "nameserver") continue;
        if (const auto address = parse_server(server)) found.push_back(*address);
    }
    return found;
}

}  // namespace xdemux
