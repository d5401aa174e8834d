// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <xdemux/kernel/sock_diag.h>

#include "netlink_dump.h"

namespace xdemux {
namespace {

// The kernel's TCP states by number (enum of net/tcp_states.h), which inet_diag uses for every protocol. Number 12,
// a half-open connection of a listener, is reported as 3.
constexpr std::uint32_t kernel_established = 1;
constexpr std::uint32_t kernel_new_syn_recv = 12;
constexpr std::uint32_t every_state = 0xfff;  // bits 1 to 11

Address::Bytes bytes_of(const __be32 (&words)[4]) {
    Address::Bytes bytes;
    std::memcpy(bytes.data(), words, bytes.size());
    return bytes;
}

bool is_v4_mapped(const Address::Bytes& bytes) {
    return std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t byte) { return byte == 0; }) &&
           bytes[10] == 0xff && bytes[11] == 0xff;
}

std::array<std::uint8_t, 4> last_four(const Address::Bytes& bytes) {
    return {bytes[12], bytes[13], bytes[14], bytes[15]};
}

void set_addresses(const inet_diag_msg& message, HostSocket& socket) {
    const Address::Bytes local = bytes_of(message.id.idiag_src);
    const Address::Bytes remote = bytes_of(message.id.idiag_dst);
    if (message.idiag_family == AF_INET) {
        socket.local = Address::ipv4({local[0], local[1], local[2], local[3]});
        socket.remote = Address::ipv4({remote[0], remote[1], remote[2], remote[3]});
    } else if (is_v4_mapped(local) || is_v4_mapped(remote)) {
        // One mapped address suffices: the other is mapped too, or "::", whose last four bytes are 0.0.0.0.
        socket.local = Address::ipv4(last_four(local));
        socket.remote = Address::ipv4(last_four(remote));
    } else {
        socket.local = Address::ipv6(local);
        socket.remote = Address::ipv6(remote);
    }
}

void read_socket(const nlmsghdr& header, Proto proto, std::vector<HostSocket>& sockets) {
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return;
    nlattr* attributes[INET_DIAG_MAX + 1] = {};
    // libnl parses without changing the message; its parameter merely lacks the const.
    if (nlmsg_parse(const_cast<nlmsghdr*>(&header), sizeof(inet_diag_msg), attributes, INET_DIAG_MAX, nullptr) < 0)
        return;
    inet_diag_msg message{};
    std::memcpy(&message, nlmsg_data(&header), sizeof message);

    const auto state = host_socket_state(proto, message.idiag_state);
    if (!state) return;
    HostSocket socket;
    socket.proto = proto;
    socket.state = *state;
    set_addresses(message, socket);
    socket.local_port = ntohs(message.id.idiag_sport);
    socket.remote_port = ntohs(message.id.idiag_dport);
    socket.ifindex = message.id.idiag_if;
    socket.v6only = attribute_or_zero<std::uint8_t>(attributes[INET_DIAG_SKV6ONLY]) != 0;
    socket.uid = message.idiag_uid;
    socket.inode = message.idiag_inode;
    socket.family = message.idiag_family == AF_INET ? Family::ipv4 : Family::ipv6;
    socket.cookie = message.id.idiag_cookie[0] | std::uint64_t{message.id.idiag_cookie[1]} << 32U;
    sockets.push_back(socket);
}

Status append_sockets(Proto proto, Family family, std::vector<HostSocket>& sockets) {
    inet_diag_req_v2 request{};
    request.sdiag_family = family == Family::ipv4 ? AF_INET : AF_INET6;
    request.sdiag_protocol = proto == Proto::tcp ? IPPROTO_TCP : IPPROTO_UDP;
    request.idiag_states = every_state;
    const std::size_t before = sockets.size();
    const std::string_view name = proto_name(proto);
    const Status done = netlink_dump(
        {NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, std::as_bytes(std::span(&request, 1))},
        fmt::format("cannot list the {} sockets of the host", name), [&] { sockets.resize(before); },
        [&](const nlmsghdr& message) { read_socket(message, proto, sockets); });
    if (!done && done.error().error_number() == ENOENT)
        return fail(ErrorKind::unsupported,
                    fmt::format("{}; load the kernel's module with modprobe {}_diag", done.error().message(), name));
    return done;
}

void copy_address(__be32 (&to)[4], const Address& address) {
    std::memcpy(to, address.bytes().data(), address_bits(address.family()) / 8U);
}

/// TCP is asked from the socket's point of view; UDP, "for historical reasons" as the kernel has it, from the packet's.
inet_diag_req_v2 question_of(const FlowKey& packet, std::uint32_t ifindex) {
    const bool tcp = packet.proto == Proto::tcp;
    const SocketAddress& first = tcp ? packet.local : packet.remote;
    const SocketAddress& second = tcp ? packet.remote : packet.local;
    inet_diag_req_v2 request{};
    request.sdiag_family = first.address.family() == Family::ipv4 ? AF_INET : AF_INET6;
    request.sdiag_protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
    request.idiag_states = every_state;
    request.id.idiag_sport = htons(first.port);
    request.id.idiag_dport = htons(second.port);
    copy_address(request.id.idiag_src, first.address);
    copy_address(request.id.idiag_dst, second.address);
    request.id.idiag_if = ifindex;
    request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return request;
}

}  // namespace

std::optional<HostSocketState> host_socket_state(Proto proto, std::uint8_t number) {
    constexpr HostSocketState states[] = {
        HostSocketState::established, HostSocketState::syn_sent,   HostSocketState::syn_recv,
        HostSocketState::fin_wait1,   HostSocketState::fin_wait2,  HostSocketState::time_wait,
        HostSocketState::close,       HostSocketState::close_wait, HostSocketState::last_ack,
        HostSocketState::listen,      HostSocketState::closing,    HostSocketState::syn_recv};
    static_assert(std::size(states) == kernel_new_syn_recv);
    if (number < kernel_established || number > std::size(states)) return std::nullopt;
    if (proto == Proto::udp)
        return number == kernel_established ? HostSocketState::connected : HostSocketState::unconnected;
    return states[number - kernel_established];
}

std::string_view host_socket_state_name(HostSocketState state) {
    switch (state) {
        case HostSocketState::established:
        case HostSocketState::connected:
            return "ESTAB";
        case HostSocketState::syn_sent:
            return "SYN-SENT";
        case HostSocketState::syn_recv:
            return "SYN-RECV";
        case HostSocketState::fin_wait1:
            return "FIN-WAIT-1";
        case HostSocketState::fin_wait2:
            return "FIN-WAIT-2";
        case HostSocketState::time_wait:
            return "TIME-WAIT";
        case HostSocketState::close:
        case HostSocketState::unconnected:
            return "UNCONN";
        case HostSocketState::close_wait:
            return "CLOSE-WAIT";
        case HostSocketState::last_ack:
            return "LAST-ACK";
        case HostSocketState::listen:
            return "LISTEN";
        case HostSocketState::closing:
            return "CLOSING";
    }
    return "UNKNOWN";
}

Result<std::vector<HostSocket>> host_sockets() {
    std::vector<HostSocket> sockets;
    for (const Proto proto : {Proto::tcp, Proto::udp}) {
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            const Status done = append_sockets(proto, family, sockets);
            if (!done) return fail(done.error());
        }
    }
    return sockets;
}

Result<std::optional<HostSocket>> find_host_socket(const FlowKey& packet, std::uint32_t ifindex) {
    const inet_diag_req_v2 request = question_of(packet, ifindex);
    std::vector<HostSocket> found;
    const Status done = netlink_ask({NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, std::as_bytes(std::span(&request, 1))},
                                    fmt::format("cannot look up the socket of {}", packet.to_string()),
                                    [&](const nlmsghdr& message) { read_socket(message, packet.proto, found); });
    if (!done && done.error().error_number() == ENOENT) return std::optional<HostSocket>();
    if (!done) return fail(done.error());
    return found.empty() ? std::nullopt : std::optional(found.front());
}

}  // namespace xdemux
