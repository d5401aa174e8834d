// SPDX-License-Identifier: BSD-2-Clause
// The examination of a real host, and that what is predicted of rules is what the program does.
#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <xdemux/base/fd.h>
#include <xdemux/ops/doctor.h>
#include <xdemux/ops/explain.h>
#include <xdemux/ops/locals.h>
#include <xdemux/ops/safeguard.h>
#include <xdemux/ops/settings.h>
#include <xdemux/policy/prediction.h>

#include "support/instance_fixture.h"

namespace xdemux::test::ops_doctor_test {
namespace {

using ::testing::HasSubstr;

class OpsDoctor : public InstanceTest {
  protected:
    /// "SEVERITY ID", of those with that id; "none".
    [[nodiscard]] std::string told(const std::string& id, const std::string& instance) const {
        const auto findings = diagnose(instance, near_device);
        if (!findings) return findings.error().message();
        std::string text;
        for (const auto& finding : *findings) {
            if (finding.id == id) text += fmt::format("{}: {}\n", severity_name(finding.severity), finding.what);
        }
        return text.empty() ? "none" : text;
    }
    [[nodiscard]] std::string told(const std::string& id) const { return told(id, name_); }
};

/// A command that is taken back.
class Undone {
  public:
    Undone(const std::string& command, std::string undo) : undo_(std::move(undo)) { run(command); }
    ~Undone() { run(undo_); }
    Undone(const Undone&) = delete;
    Undone& operator=(const Undone&) = delete;

  private:
    std::string undo_;
};

TEST_F(OpsDoctor, this_kernel_is_found_to_have_what_the_program_needs) {
    for (const char* id : {"xdp_frags", "bpf_link", "bpf_helpers", "jit", "bpffs", "capabilities"})
        EXPECT_THAT(told(id), HasSubstr("ok: ")) << id;
    EXPECT_EQ(told("driver_mode"), tells_driver_features() ? "ok: driver veth, native XDP\n" : "note: driver veth\n");
    EXPECT_THAT(told("unseen_receivers"), HasSubstr("ok: "));
}

TEST_F(OpsDoctor, an_unknown_device_is_an_error) {
    EXPECT_EQ(diagnose(name_, "none0").error().kind(), ErrorKind::not_found);
}

TEST_F(OpsDoctor, a_dhcp_client_is_found_until_a_listener_mends_it) {
    const Fd client(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP)));
    EXPECT_THAT(told("dhcp_client"), HasSubstr("blocker: "));
    make();
    auto instance = Instance::open_for_change(name_).value();
    auto change = listener("*:68");
    change.listener.proto = Proto::udp;
    ASSERT_TRUE(change_listeners(instance, std::vector{change}));
    EXPECT_THAT(told("dhcp_client"), HasSubstr("ok: "));
}

TEST_F(OpsDoctor, devices_above_and_the_sockets_bound_to_them_are_found) {
    const Undone bridge("ip link add xdbr0 type bridge && ip link set xd0 master xdbr0", "ip link del xdbr0");
    EXPECT_EQ(told("device_above"), "note: bridge xdbr0 sits above\n");
    EXPECT_EQ(told("socket_above"), "none");
    const Fd bound(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::setsockopt(bound.get(), SOL_SOCKET, SO_BINDTODEVICE, "xdbr0", 6), 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(5300);
    ASSERT_EQ(::bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(told("socket_above"), "blocker: a socket on 0.0.0.0:5300 is bound to xdbr0\n");
}

TEST_F(OpsDoctor, a_macvlan_above_is_found) {
    const Undone macvlan("ip link add xdmv0 link xd0 type macvlan", "ip link del xdmv0");
    EXPECT_EQ(told("device_above"), "note: macvlan xdmv0 sits above\n");
}

TEST_F(OpsDoctor, forwarding_is_found) {
    EXPECT_EQ(told("forwarding"), "none");
    const Undone forwarding("echo 1 > /proc/sys/net/ipv4/conf/xd0/forwarding",
                            "echo 0 > /proc/sys/net/ipv4/conf/xd0/forwarding");
    EXPECT_EQ(told("forwarding"), "note: it forwards IPv4\n");
}

TEST_F(OpsDoctor, another_ones_program_is_told_with_the_link_that_holds_it) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    EXPECT_EQ(told("xdp_program"), "ok: attached to this instance\n");
    const std::string other = name_ + "-other";
    EXPECT_THAT(told("xdp_program", other), HasSubstr("blocker: another XDP program is on it (id "));
    const auto findings = diagnose(other, near_device).value();
    const auto found = std::ranges::find(findings, "xdp_program", &Finding::id);
    ASSERT_NE(found, findings.end());
    EXPECT_EQ(found->remedy, fmt::format("xdemux --instance {} detach {}", name_, near_device));
}

TEST_F(OpsDoctor, a_safeguard_refuses_to_cut_off_a_dhcp_client_and_changes_nothing) {
    const Fd client(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP)));
    auto request = on(near_device);
    request.settings = {Mode::enforce, ClosedPolicy::drop, {}};
    request.safeguard = Safeguard{};
    EXPECT_THAT(failure(attach(name_, request), ErrorKind::refused), HasSubstr("xdemux listener add udp '*:68'"));
    EXPECT_FALSE(pins_.exists());
    request.settings.closed = ClosedPolicy::pass;
    EXPECT_TRUE(attach(name_, request)) << "what passes cuts nothing off";
}

Explanation ask(const Instance& instance, const char* destination) {
    ExplainRequest request;
    request.packet.source = SocketAddress::parse("192.0.2.2:40000", Proto::tcp).value();
    request.packet.destination = SocketAddress::parse(destination, Proto::tcp).value();
    return explain(instance, request).value();
}

TEST_F(OpsDoctor, addresses_that_are_local_by_route_count_and_those_that_moved_away_do_not) {
    const Undone any_ip("ip route add local 198.51.100.0/24 dev lo", "true");
    ASSERT_TRUE(attach(name_, on(near_device)));
    auto instance = Instance::open_for_change(name_).value();
    EXPECT_EQ(ask(instance, "198.51.100.9:9").reason, contract::REASON_CLOSED);
    run("ip route del local 198.51.100.0/24 dev lo");
    ASSERT_TRUE(refresh_locals(instance));
    EXPECT_EQ(ask(instance, "198.51.100.9:9").reason, contract::REASON_NOT_LOCAL);
    {
        const Undone moving("ip addr add 192.0.2.77/32 dev xd0", "ip addr del 192.0.2.77/32 dev xd0");
        ASSERT_TRUE(refresh_locals(instance));
        EXPECT_EQ(ask(instance, "192.0.2.77:9").reason, contract::REASON_CLOSED);
    }
    ASSERT_TRUE(refresh_locals(instance));
    EXPECT_EQ(ask(instance, "192.0.2.77:9").reason, contract::REASON_NOT_LOCAL);
}

/// Listeners at random on few ports, so that all steps of the precedence come up.
std::vector<ListenerChange> some_listeners(std::mt19937& random) {
    constexpr const char* endpoints[] = {
        "*:1000", "0.0.0.0:1000", "192.0.2.1:1000", "192.0.2.0/24:1000", "192.0.2.0/28:1001", "0.0.0.0:*",
        "*:*",    "192.0.2.1:*",  "*:1001-1002",    "[::]:1000",         "[2001:db8::1]:1000"};
    std::vector<ListenerChange> changes;
    for (const char* endpoint : endpoints) {
        if (random() % 2 == 0) continue;
        ListenerChange change;
        change.listener.local = LocalEndpoint::parse(endpoint, Proto::tcp).value();
        change.listener.target = {static_cast<TargetKind>(random() % 3)};
        if (random() % 3 == 0)
            change.listener.guard.sources = {Prefix::parse(random() % 2 == 0 ? "192.0.2.2/32" : "10.0.0.0/8").value()};
        if (random() % 4 == 0) change.listener.device = Device{::if_nametoindex("xd0"), "xd0"};
        changes.push_back(change);
    }
    return changes;
}

TEST_F(OpsDoctor, what_is_predicted_is_what_the_program_does) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    std::mt19937 random(4);
    for (int round = 0; round < 12; ++round) {
        auto instance = Instance::open_for_change(name_).value();
        SettingsRequest request;
        request.change = {random() % 4 == 0 ? Mode::monitor : Mode::enforce, static_cast<ClosedPolicy>(random() % 3),
                          random() % 2 == 0};
        ASSERT_TRUE(change_settings(instance, request));
        for (const auto& change : some_listeners(random))
            (void)change_listeners(instance, std::vector{change});  // some conflict with others
        const auto listeners = read_listeners(instance).value();
        for (const char* destination : {"192.0.2.1:1000", "192.0.2.1:1001", "192.0.2.1:1002", "192.0.2.1:9"}) {
            const auto told = ask(instance, destination);
            const auto to = SocketAddress::parse(destination, Proto::tcp).value();
            const PlannedRules rules{listeners, settings_in_force(instance)};
            const auto prediction = predict(rules, {Proto::tcp, to.address, to.port, ::if_nametoindex("xd0"), true,
                                                    Address::parse("192.0.2.2").value()});
            EXPECT_EQ(static_cast<int>(prediction.verdict), static_cast<int>(told.verdict)) << round << destination;
            EXPECT_EQ(static_cast<int>(prediction.action), static_cast<int>(told.action)) << round << destination;
            EXPECT_EQ(prediction.listener, told.listener ? told.listener->id : 0) << round << destination;
        }
        for (const auto& [id, each] : listeners.listeners())
            ASSERT_TRUE(change_listeners(instance, std::vector{ListenerChange{ListenerVerb::remove, each}}));
    }
}

}  // namespace
}  // namespace xdemux::test::ops_doctor_test
