// SPDX-License-Identifier: BSD-2-Clause
// Sockets as targets, and the sk_lookup program.
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>

#include "support/program.h"
#include "support/skeleton.h"
#include "support/testbed.h"

namespace xdemux::test {
namespace {

using namespace contract;

constexpr std::uint16_t socket_peer_port = 40000;

/// In network order, a field at a time: the kernel wants what follows the last of them to be zero.
bpf_sk_lookup context_of(proto proto, const IpAddress& local, std::uint16_t local_port, const IpAddress& remote) {
    bpf_sk_lookup context{};
    context.family = local.ipv6 ? AF_INET6 : AF_INET;
    context.protocol = proto == PROTO_TCP ? IPPROTO_TCP : IPPROTO_UDP;
    context.local_port = local_port;
    context.remote_port = htons(socket_peer_port);
    if (local.ipv6) {
        std::memcpy(context.local_ip6, local.bytes.data(), sizeof(context.local_ip6));
        std::memcpy(context.remote_ip6, remote.bytes.data(), sizeof(context.remote_ip6));
    } else {
        std::memcpy(&context.local_ip4, local.bytes.data(), sizeof(context.local_ip4));
        std::memcpy(&context.remote_ip4, remote.bytes.data(), sizeof(context.remote_ip4));
    }
    return context;
}

}  // namespace

void Program::register_socket(std::uint32_t number, int fd) {
    const auto value = static_cast<std::uint64_t>(fd);
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.sockets), &number, &value, BPF_ANY) != 0)
        throw std::runtime_error(std::string("cannot register a socket: ") + std::strerror(errno));
}

LookUp Program::look_up(proto proto, std::string_view local, std::uint16_t local_port) {
    const IpAddress to = ip_address(local);
    bpf_sk_lookup context = context_of(proto, to, local_port, ip_address(to.ipv6 ? peer_ipv6 : peer_ipv4));
    bpf_sk_lookup answer{};
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.ctx_out = &answer;
    options.ctx_size_out = sizeof(answer);
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.xdemux_sockets), &options) != 0)
        throw std::runtime_error(std::string("cannot run the sk_lookup program: ") + std::strerror(errno));
    return {static_cast<int>(options.retval), answer.cookie};
}

}  // namespace xdemux::test
