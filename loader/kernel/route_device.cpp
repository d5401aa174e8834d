// SPDX-License-Identifier: BSD-2-Clause
#include <cstdint>
#include <memory>

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <xdemux/kernel/operator.h>

#include "netlink_dump.h"

namespace xdemux {
namespace {

struct FreeSocket {
    void operator()(nl_sock* socket) const { ::nl_socket_free(socket); }
};
struct FreeMessage {
    void operator()(nl_msg* message) const { ::nlmsg_free(message); }
};

int on_route(nl_msg* message, void* found) {
    nlmsghdr* header = ::nlmsg_hdr(message);
    nlattr* attributes[RTA_MAX + 1] = {};
    if (header->nlmsg_type == RTM_NEWROUTE && ::nlmsg_parse(header, sizeof(rtmsg), attributes, RTA_MAX, nullptr) >= 0 &&
        attributes[RTA_OIF] != nullptr)
        *static_cast<std::optional<std::uint32_t>*>(found) = attribute_or_zero<std::uint32_t>(attributes[RTA_OIF]);
    return NL_STOP;
}

}  // namespace

std::optional<std::uint32_t> route_device(const Address& remote) {
    std::optional<std::uint32_t> found;
    const std::unique_ptr<nl_sock, FreeSocket> socket(::nl_socket_alloc());
    const std::unique_ptr<nl_msg, FreeMessage> message(::nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST));
    if (socket == nullptr || message == nullptr || ::nl_connect(socket.get(), NETLINK_ROUTE) < 0) return found;
    ::nl_socket_disable_auto_ack(socket.get());
    ::nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, on_route, &found);

    const std::uint8_t bits = address_bits(remote.family());
    rtmsg route{};
    route.rtm_family = remote.family() == Family::ipv4 ? AF_INET : AF_INET6;
    route.rtm_dst_len = bits;
    // A message of one page has room for both.
    if (::nlmsg_append(message.get(), &route, sizeof route, NLMSG_ALIGNTO) < 0 ||
        ::nla_put(message.get(), RTA_DST, bits / 8, remote.bytes().data()) < 0 ||
        ::nl_send_auto(socket.get(), message.get()) < 0)
        return found;
    // No route is an answer too: an error, which leaves nothing found.
    (void)::nl_recvmsgs_default(socket.get());
    return found;
}

}  // namespace xdemux
