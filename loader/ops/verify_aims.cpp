// SPDX-License-Identifier: BSD-2-Clause
#include "verify_aims.h"

#include <algorithm>
#include <utility>

#include <xdemux/kernel/sock_diag.h>
#include <xdemux/ops/flows.h>
#include <xdemux/ops/listeners.h>

namespace xdemux {
namespace {

/// So many of all that came by, each as likely as any other (reservoir sampling).
class Sample {
  public:
    explicit Sample(std::uint64_t seed) : random_(seed) {}
    void add(const Aim& aim) {
        ++seen_;
        if (aims_.size() < max_aims) {
            aims_.push_back(aim);
        } else if (const std::uint64_t place = random_() % seen_; place < max_aims) {
            aims_[place] = aim;
        }
    }
    [[nodiscard]] std::vector<Aim> take() && { return std::move(aims_); }

  private:
    std::mt19937_64 random_;
    std::uint64_t seen_ = 0;
    std::vector<Aim> aims_;
};

LocalEndpoint exact(const Address& address, std::uint16_t port) {
    return {LocalForm::exact, {address, address_bits(address.family())}, PortRange::one(port)};
}

Aim aim_of(const Listener& listener) {
    return {listener.proto, listener.local, listener.scope() == Scope::dual, std::nullopt};
}

Aim aim_of(const HostSocket& socket) {
    Aim aim{socket.proto, exact(socket.local, socket.local_port), false, std::nullopt};
    if (socket.local.is_wildcard()) {
        aim.local.form = LocalForm::wildcard;
        aim.local.prefix.length = 0;
        aim.both_families = socket.scope() == Scope::dual;
    }
    if (socket.remote_port != 0) aim.remote = SocketAddress{socket.remote, socket.remote_port};
    return aim;
}

Result<std::vector<Aim>> listener_aims(const Instance& instance, std::uint64_t seed) {
    const auto listeners = read_listeners(instance);
    if (!listeners) return fail(listeners.error());
    Sample sample(seed);
    for (const auto& [id, listener] : listeners->listeners())
        sample.add(aim_of(listener));
    return std::move(sample).take();
}

Result<std::vector<Aim>> flow_aims(const Instance& instance, std::uint64_t seed) {
    Sample sample(seed);
    const auto walked = for_each_flow(instance, [&](const Flow& flow) {
        const SocketAddress& local = flow.key.local;
        sample.add({flow.key.proto, exact(local.address, local.port), false, flow.key.remote});
        return true;
    });
    if (!walked) return fail(walked.error());
    return std::move(sample).take();
}

Result<std::vector<Aim>> socket_aims(std::uint64_t seed) {
    const auto sockets = host_sockets();
    if (!sockets) return fail(sockets.error());
    Sample sample(seed);
    for (const HostSocket& socket : *sockets) {
        if (socket.local_port != 0) sample.add(aim_of(socket));
    }
    return std::move(sample).take();
}

/// All of this host, closed for the most part.
Aim anything() {
    Aim aim;
    aim.local.prefix.address = Address::any(Family::ipv6);
    aim.both_families = true;
    return aim;
}

}  // namespace

Result<Aims> read_aims(const Instance& instance, std::span<const LocalRoute> routes, bool loopback,
                       std::uint64_t seed) {
    Aims aims;
    aims.loopback = loopback;
    for (const LocalRoute& route : routes) {
        const Address& address = route.prefix.address;
        const bool whole = route.prefix.length == address_bits(address.family());
        if (whole && (loopback || !address.is_loopback()))
            aims.locals[static_cast<std::size_t>(address.family())].push_back(address);
    }
    for (auto& locals : aims.locals)
        std::sort(locals.begin(), locals.end());
    for (auto group : {listener_aims(instance, seed), flow_aims(instance, seed), socket_aims(seed)}) {
        if (!group) return fail(std::move(group.error()));
        if (!group->empty()) aims.groups.push_back(std::move(*group));
    }
    aims.groups.push_back({anything()});
    return aims;
}

}  // namespace xdemux
