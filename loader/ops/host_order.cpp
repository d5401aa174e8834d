// SPDX-License-Identifier: BSD-2-Clause
#include "host_order.h"

namespace xdemux {

bool hears(const HostSocket& socket, const FlowKey& packet, std::uint32_t ifindex) {
    if (socket.proto != packet.proto || socket.local_port != packet.local.port) return false;
    if (socket.state == HostSocketState::close || !socket.hears(packet.local.address)) return false;
    if (socket.ifindex != 0 && socket.ifindex != ifindex) return false;
    return socket.waits_for_anyone() ||
           (socket.remote == packet.remote.address && socket.remote_port == packet.remote.port);
}

HostRank host_rank(const HostSocket& socket, const FlowKey& packet) {
    return {socket.waits_for_anyone(), socket.local.is_wildcard(), socket.ifindex == 0,
            socket.local.family() != packet.local.address.family()};
}

std::string_view why_first(const HostRank& first, const HostRank& other) {
    if (first.unconnected != other.unconnected) return "is connected to the sender (a 4-tuple before a listener)";
    if (first.wildcard != other.wildcard) return "is more specific (exact address before wildcard)";
    if (first.unbound != other.unbound) return "is bound to the device (bound before unbound)";
    if (first.other_family != other.other_family) return "is of the packet's family alone (IPv4 before dual-stack)";
    return "is the one that the kernel chose of the two";
}

}  // namespace xdemux
