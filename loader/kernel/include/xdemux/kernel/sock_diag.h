// SPDX-License-Identifier: BSD-2-Clause
// The TCP and UDP sockets of the calling thread's network namespace, by inet_diag as `ss` reads them. It changes
// nothing, and it does not decide which socket a packet reaches: that is the kernel's look-up.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/address.h>
#include <xdemux/policy/flow.h>
#include <xdemux/policy/proto.h>
#include <xdemux/policy/scope.h>

namespace xdemux {

/// RFC 9293's states; the last two are UDP's. `close` is a TCP socket caught while it disappears.
enum class HostSocketState {
    established,
    syn_sent,
    syn_recv,
    fin_wait1,
    fin_wait2,
    time_wait,
    close,
    close_wait,
    last_ack,
    listen,
    closing,
    unconnected,
    connected,
};

/// "ESTAB", "TIME-WAIT", "LISTEN", "UNCONN", ...: the words of `ss`.
std::string_view host_socket_state_name(HostSocketState state);

/// From the kernel's number of a socket's state (net/tcp_states.h); a half-open connection has one of its own. None for
/// a number that is no state.
std::optional<HostSocketState> host_socket_state(Proto proto, std::uint8_t number);

struct HostSocket {
    Proto proto{};
    HostSocketState state = HostSocketState::close;
    Address local;  ///< what is on the wire: an IPv6 socket that speaks IPv4 (v4-mapped) has IPv4 addresses here
    std::uint16_t local_port = 0;   ///< host order
    Address remote;                 ///< unspecified, of the local family, where the socket has none
    std::uint16_t remote_port = 0;  ///< host order; 0 where the socket has none
    std::uint32_t ifindex = 0;      ///< the device that it is bound to; 0 for none
    bool v6only = false;            ///< a wildcard IPv6 socket without it hears IPv4 too
    std::uint32_t uid = 0;          ///< owner
    std::uint64_t inode = 0;        ///< 0 where no process holds it (TIME_WAIT, half-open); see process.h
    Family family = Family::ipv4;   ///< of the socket itself, whatever it speaks
    std::uint64_t cookie = 0;       ///< the kernel's number of it, never used again (SO_COOKIE)

    [[nodiscard]] bool waits_for_anyone() const {
        return state == HostSocketState::listen || state == HostSocketState::unconnected;
    }
    [[nodiscard]] Scope scope() const { return scope_of(local.family(), local.is_wildcard(), v6only); }
    /// Whether packets to that address are for it, as far as addresses tell.
    [[nodiscard]] bool hears(const Address& address) const {
        return local.is_wildcard() ? xdemux::hears(scope(), address.family()) : local == address;
    }
};

/// Every TCP socket in any state and every bound UDP socket, both families. A snapshot taken while sockets come and
/// go: one that moves between states meanwhile may be missed or seen twice. Error: `unsupported` where the kernel
/// cannot list them.
Result<std::vector<HostSocket>> host_sockets();

/// The socket that a packet of this 4-tuple reaches, by the kernel's own look-up (inet_diag answers a single question
/// by inet_lookup() and __udp4_lib_lookup()); none: no socket. `ifindex`: where the packet comes in, 0: a device that
/// no socket is bound to. Unlike the helpers of BPF it gives the inode, so the process behind the socket.
Result<std::optional<HostSocket>> find_host_socket(const FlowKey& packet, std::uint32_t ifindex);

}  // namespace xdemux
