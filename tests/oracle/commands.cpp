// SPDX-License-Identifier: BSD-2-Clause
// A failing case as commands that anybody can paste: the test bed, the sockets (in Python, held open), their mirror,
// and the question.
#include <fmt/format.h>

#include "mirror.h"
#include "run.h"

namespace xdemux::oracle {
namespace {

constexpr const char* test_bed = R"(ip netns add near; ip netns add far
ip link add xd0 netns near type veth peer name xd1 netns far
ip -n near link set lo up; ip -n near link set xd0 up; ip -n far link set xd1 up
for at in 192.0.2.1/24 192.0.2.3/24; do ip -n near addr add $at dev xd0; done
for at in 2001:db8::1/64 2001:db8::3/64; do ip -n near addr add $at dev xd0 nodad; done
ip -n far addr add 192.0.2.2/24 dev xd1; ip -n far addr add 2001:db8::2/64 dev xd1 nodad
)";

std::string python_name(const SocketAddress& address, bool ipv6_socket) {
    const bool mapped = ipv6_socket && address.address.family() == Family::ipv4;
    return fmt::format("('{}{}', {})", mapped ? "::ffff:" : "", address.address.to_string(), address.port);
}

std::string python_socket(const SocketSpec& socket) {
    std::string text = fmt::format("s = socket.socket(socket.{}, socket.{}); held.append(s)\n",
                                   socket.ipv6_socket ? "AF_INET6" : "AF_INET",
                                   socket.proto == Proto::tcp ? "SOCK_STREAM" : "SOCK_DGRAM");
    if (socket.ipv6_socket)
        text += fmt::format("s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, {})\n", socket.v6only ? 1 : 0);
    if (socket.sharing != Sharing::alone)
        text += fmt::format("s.setsockopt(socket.SOL_SOCKET, socket.{}, 1)\n",
                            socket.sharing == Sharing::reuseport ? "SO_REUSEPORT" : "SO_REUSEADDR");
    if (socket.device != Port::any)
        text +=
            fmt::format("s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'{}')\n", device_name(socket.device));
    const bool repaired = socket.proto == Proto::tcp && socket.kind != SocketKind::waiting;
    if (repaired) text += "s.setsockopt(socket.IPPROTO_TCP, 19, 1)  # TCP_REPAIR: connected without a handshake\n";
    text += fmt::format("s.bind({})\n", python_name(socket.local, socket.ipv6_socket));
    if (socket.remote) text += fmt::format("s.connect({})\n", python_name(*socket.remote, socket.ipv6_socket));
    if (socket.proto == Proto::tcp && !socket.remote) text += "s.listen()\n";
    if (socket.kind == SocketKind::time_wait) text += "# then closed here, and there: TIME_WAIT\n";
    return text;
}

std::string mirror_command(const SocketSpec& socket, std::size_t number) {
    if (socket.remote)
        return fmt::format("flow add {} {} {}", proto_name(socket.proto), socket.local.to_string(),
                           socket.remote->to_string());
    const Listener listener = listener_of(socket, number);
    return "listener add " + listener.describe() + (listener.reuseport ? " --reuseport --name " + listener.name : "");
}

}  // namespace

std::string commands_of(const Failure& failure) {
    std::string text = test_bed;
    text += "nsenter --net=/run/netns/near python3 - <<'END' &\nimport signal, socket\nheld = []\n";
    for (const SocketSpec& socket : failure.sockets)
        text += python_socket(socket);
    text += "signal.pause()\nEND\n";
    const bool host = failure.what == "the host's sockets";
    text += fmt::format("xdemux --netns near attach xd0 lo --mode generic{}\n", host ? "" : " --no-host");
    for (std::size_t i = 0; i < failure.sockets.size() && !host; ++i)
        text += fmt::format("xdemux --netns near {}\n", mirror_command(failure.sockets[i], i));
    const FlowKey& key = failure.packet.key;
    text += fmt::format("xdemux --netns near explain {} {} {} --dev {}\n", proto_name(key.proto),
                        key.remote.to_string(), key.local.to_string(), device_name(failure.packet.device));
    text +=
        fmt::format("# {}: the kernel says {}, the program says {}\n", failure.what, failure.kernel, failure.program);
    return text;
}

}  // namespace xdemux::oracle
