// SPDX-License-Identifier: BSD-2-Clause
// The generic netlink family "netdev". Debian 12's headers do not know it yet, so its numbers stand here
// (include/uapi/linux/netdev.h of Linux 6.3).
#include <cstring>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <xdemux/kernel/features.h>

#include "netlink_dump.h"

namespace xdemux {
namespace {

constexpr std::uint8_t netdev_cmd_dev_get = 1;
constexpr int netdev_a_dev_ifindex = 1;
constexpr int netdev_a_dev_xdp_features = 3;
constexpr std::uint64_t netdev_xdp_act_basic = 1;
constexpr std::uint64_t netdev_xdp_act_rx_sg = 32;

/// A dump of a generic family; what fails has nothing to tell.
template <typename Each>
void walk(int family, std::uint8_t command, Each each) {
    genlmsghdr header{};
    header.cmd = command;
    header.version = 1;
    [[maybe_unused]] const Status best_effort = netlink_dump(
        {NETLINK_GENERIC, family, std::as_bytes(std::span(&header, 1))}, "cannot ask for XDP features", [] {},
        [&](const nlmsghdr& message) {
            nlattr* attributes[CTRL_ATTR_MAX + 1] = {};
            // libnl parses without changing the message; its parameter merely lacks the const.
            auto* mutable_message = const_cast<nlmsghdr*>(&message);
            if (nlmsg_parse(mutable_message, sizeof(genlmsghdr), attributes, CTRL_ATTR_MAX, nullptr) >= 0)
                each(attributes);
        });
}

std::uint16_t netdev_family() {
    std::uint16_t id = 0;
    walk(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, [&](nlattr** attributes) {
        nlattr* name = attributes[CTRL_ATTR_FAMILY_NAME];
        if (name != nullptr && std::string_view(nla_get_string(name)) == "netdev")
            id = attribute_or_zero<std::uint16_t>(attributes[CTRL_ATTR_FAMILY_ID]);
    });
    return id;
}

}  // namespace

std::optional<XdpFeatures> xdp_features(std::uint32_t ifindex) {
    const std::uint16_t family = netdev_family();
    std::optional<XdpFeatures> found;
    if (family == 0) return found;
    walk(family, netdev_cmd_dev_get, [&](nlattr** attributes) {
        if (attribute_or_zero<std::uint32_t>(attributes[netdev_a_dev_ifindex]) != ifindex) return;
        const auto bits = attribute_or_zero<std::uint64_t>(attributes[netdev_a_dev_xdp_features]);
        found = XdpFeatures{(bits & netdev_xdp_act_basic) != 0, (bits & netdev_xdp_act_rx_sg) != 0};
    });
    return found;
}

}  // namespace xdemux
