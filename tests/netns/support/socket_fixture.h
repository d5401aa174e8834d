// SPDX-License-Identifier: BSD-2-Clause
// An instance that enforces, sockets for it, and what the kernel's own look-up says of both.
#pragma once

#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/sock_diag.h>
#include <xdemux/kernel/socket.h>
#include <xdemux/kernel/socket_lookup.h>
#include <xdemux/ops/settings.h>
#include <xdemux/ops/sockets.h>

#include "support/instance_fixture.h"

namespace xdemux::test {

/// Bound to a port that the kernel chooses; of TCP it listens.
inline Fd server(int family, int type) {
    Fd socket(::socket(family, type | SOCK_CLOEXEC, 0));
    sockaddr_storage name{};
    name.ss_family = static_cast<sa_family_t>(family);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(sockaddr_in6)), 0);
    if (type == SOCK_STREAM) {
        EXPECT_EQ(::listen(socket.get(), 8), 0);
    }
    return socket;
}

inline Fd only_ipv6() {
    Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int yes = 1;
    EXPECT_EQ(::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes), 0);
    EXPECT_EQ(::listen(socket.get(), 8), 0);
    return socket;
}

inline std::uint64_t cookie_of(const Fd& socket) {
    return describe_server_socket(socket.get()).value().cookie;
}

inline ListenerChange to_socket(const std::string& endpoint, const std::string& name = "web",
                                Proto proto = Proto::tcp) {
    ListenerChange change;
    change.listener.proto = proto;
    change.listener.local = LocalEndpoint::parse(endpoint, proto).value();
    change.listener.target = Target::parse("socket:" + name).value();
    return change;
}

class SocketTest : public InstanceTest {
  protected:
    /// Enforcing, with nothing attached: the look-up of sockets needs no device.
    void SetUp() override {
        InstanceOptions options;
        options.settings.mode = Mode::enforce;
        auto instance = Instance::open_or_create(name_, options);
        ASSERT_TRUE(instance) << instance.error().message();
        ASSERT_TRUE(instance->keep());
    }

    Status change(std::vector<ListenerChange> changes) {
        auto instance = Instance::open_for_change(name_);
        return instance ? change_listeners(*instance, changes) : Status(fail(instance.error()));
    }
    Status add(const ListenerChange& one) { return change({one}); }
    Status remove(ListenerChange one) {
        one.verb = ListenerVerb::remove;
        return change({one});
    }
    Status enlist(const Fd& socket, const std::string& name = "web", bool dry_run = false) {
        auto instance = Instance::open_for_change(name_);
        if (!instance) return fail(instance.error());
        return register_socket(*instance, name, {std::nullopt, socket.get()}, dry_run);
    }
    Status dismiss(const std::string& name = "web", bool dry_run = false) {
        auto instance = Instance::open_for_change(name_);
        return instance ? unregister_socket(*instance, name, dry_run) : Status(fail(instance.error()));
    }
    void set_mode(Mode mode) {
        SettingsRequest request;
        request.change.mode = mode;
        auto instance = Instance::open_for_change(name_);
        ASSERT_TRUE(change_settings(*instance, request));
    }

    /// The cookie of the socket that the kernel finds for a new connection or datagram; 0: none.
    std::uint64_t found(const std::string& local, std::uint16_t to = 4080, Proto proto = Proto::tcp,
                        std::uint32_t ifindex = 0) {
        FlowKey packet{proto, {Address::parse(local).value(), to}, {}};
        const bool ipv4 = packet.local.address.family() == Family::ipv4;
        packet.remote = {Address::parse(ipv4 ? far_ipv4 : far_ipv6).value(), 40'000};
        const auto socket = find_host_socket(packet, ifindex);
        EXPECT_TRUE(socket) << socket.error().message();
        return socket && *socket ? (*socket)->cookie : 0;
    }
    [[nodiscard]] std::vector<std::uint32_t> programs() const { return socket_lookup_programs().value(); }
    [[nodiscard]] std::vector<SocketRow> rows() const { return socket_rows(Instance::open(name_).value()).value(); }
};

}  // namespace xdemux::test
