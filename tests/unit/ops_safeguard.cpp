// SPDX-License-Identifier: BSD-2-Clause
// Which change would cut off whoever makes it, and which finding refuses enforcement.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <xdemux/ops/findings.h>
#include <xdemux/ops/safeguard.h>

namespace xdemux::test::ops_safeguard {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t eth0 = 2;
constexpr std::uint32_t eth1 = 3;

SocketAddress end(const char* text) {
    return SocketAddress::parse(text, Proto::tcp).value();
}

const Connection login{end("192.0.2.1:22"), end("198.51.100.7:50000")};

OperatorPath by_eth0() {
    return {login, {eth0}, true, 0};
}

RulesInForce enforcing(ClosedPolicy closed = ClosedPolicy::drop) {
    return {{}, {Mode::enforce, closed, true}, {eth0}, {}};
}

void add(RulesInForce& rules, const char* endpoint, TargetKind target, const char* name = "",
         std::uint32_t device = 0) {
    Listener listener;
    listener.local = LocalEndpoint::parse(endpoint, Proto::tcp).value();
    listener.target = {target};
    listener.name = name;
    if (device != 0) listener.device = Device{device, "eth"};
    ASSERT_TRUE(rules.listeners.add(listener));
}

TEST(Safeguard, a_connection_whose_socket_is_seen_goes_on) {
    EXPECT_EQ(cut_by(enforcing(), by_eth0()), std::nullopt);
}

TEST(Safeguard, the_rule_that_cuts_is_named) {
    auto rules = enforcing();
    add(rules, "*:22", TargetKind::drop, "no-ssh");
    EXPECT_EQ(cut_by(rules, by_eth0()), "listener tcp [::]:22 \"no-ssh\" drops it");
    rules = enforcing();
    add(rules, "192.0.2.0/24:*", TargetKind::reject);
    EXPECT_EQ(cut_by(rules, by_eth0()), "listener tcp 192.0.2.0/24:* rejects it");
    rules = enforcing();
    rules.flows[{Proto::tcp, login.local, login.remote}] = {TargetKind::drop};
    EXPECT_EQ(cut_by(rules, by_eth0()), "a flow with its addresses and ports drops it");
}

TEST(Safeguard, the_precedence_decides) {
    auto rules = enforcing();
    add(rules, "*:22", TargetKind::drop);
    add(rules, "192.0.2.1:22", TargetKind::pass);
    EXPECT_EQ(cut_by(rules, by_eth0()), std::nullopt);
    rules.flows[{Proto::tcp, login.local, login.remote}] = {TargetKind::reject};
    EXPECT_EQ(cut_by(rules, by_eth0()), "a flow with its addresses and ports rejects it");
}

TEST(Safeguard, a_guard_that_does_not_admit_the_operator_is_named) {
    for (const auto& [source, admitted] : {std::pair{"198.51.100.0/24", true}, {"10.0.0.0/8", false}}) {
        auto rules = enforcing();
        Listener listener;
        listener.local = LocalEndpoint::parse("*:22", Proto::tcp).value();
        listener.guard.sources = {Prefix::parse(source).value()};
        ASSERT_TRUE(rules.listeners.add(listener));
        EXPECT_EQ(cut_by(rules, by_eth0()),
                  admitted ? std::nullopt : std::optional("listener tcp [::]:22 does not admit its source"));
    }
}

TEST(Safeguard, a_rate_that_throttles_the_operator_is_named) {
    auto rules = enforcing();
    Listener listener;
    listener.local = LocalEndpoint::parse("*:22", Proto::tcp).value();
    listener.guard.rate = Rate{100, 100};
    ASSERT_TRUE(rules.listeners.add(listener));
    EXPECT_EQ(cut_by(rules, by_eth0()), "listener tcp [::]:22 holds it to 100 packets a second");
    rules.settings.mode = Mode::monitor;
    EXPECT_EQ(cut_by(rules, by_eth0()), std::nullopt);
}

TEST(Safeguard, nothing_is_safe_where_the_paths_cannot_be_told) {
    const Safeguard safeguard{{login}};
    EXPECT_TRUE(check_operators(enforcing(), enforcing(), safeguard));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto checked = check_operators(enforcing(), enforcing(), safeguard);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error().message(), HasSubstr("cannot tell whether it would cut off your own connection"));
    EXPECT_THAT(checked.error().message(), HasSubstr("--force"));
}

TEST(Safeguard, without_the_hosts_word_its_socket_is_closed) {
    auto rules = enforcing();
    rules.settings.host = false;
    EXPECT_THAT(cut_by(rules, by_eth0()).value_or(""), HasSubstr("--no-host"));
    rules.settings.closed = ClosedPolicy::pass;
    EXPECT_EQ(cut_by(rules, by_eth0()), std::nullopt);
}

TEST(Safeguard, a_socket_bound_to_another_device_is_not_seen) {
    auto path = by_eth0();
    path.bound = 9;
    EXPECT_THAT(cut_by(enforcing(), path).value_or(""), HasSubstr("closed ports are dropped"));
    path.bound = eth0;
    EXPECT_EQ(cut_by(enforcing(), path), std::nullopt);
}

TEST(Safeguard, monitor_mode_and_other_interfaces_cut_nothing) {
    auto rules = enforcing();
    add(rules, "*:22", TargetKind::drop);
    rules.settings.mode = Mode::monitor;
    EXPECT_EQ(cut_by(rules, by_eth0()), std::nullopt);
    rules.settings.mode = Mode::enforce;
    rules.devices = {eth1};
    EXPECT_EQ(cut_by(rules, by_eth0()), std::nullopt);
    rules.devices = {eth0, eth1};
    EXPECT_NE(cut_by(rules, by_eth0()), std::nullopt);
}

TEST(Safeguard, a_listener_on_another_device_cuts_nothing) {
    auto rules = enforcing();
    add(rules, "0.0.0.0:22", TargetKind::drop, "", eth1);
    EXPECT_EQ(cut_by(rules, by_eth0()), std::nullopt);
}

TEST(Safeguard, only_a_change_for_the_worse_is_refused) {
    const auto open = enforcing();
    auto cut = enforcing();
    add(cut, "*:22", TargetKind::drop);
    const std::vector<OperatorPath> paths = {by_eth0()};
    EXPECT_TRUE(check_paths(open, open, paths));
    EXPECT_TRUE(check_paths(cut, open, paths));
    EXPECT_TRUE(check_paths(cut, cut, paths)) << "it is cut off already";
    const auto refused = check_paths(open, cut, paths);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::refused);
    EXPECT_EQ(refused.error().message(),
              "refused, it would cut off your own connection from 198.51.100.7:50000 to 192.0.2.1:22: listener tcp "
              "[::]:22 drops it; use --force to do it all the same");
}

Finding finding(bool cuts_off) {
    return {Severity::blocker,
            FindingGroup::traffic,
            "dhcp_client",
            "udp *:68",
            "dhclient (812) waits for DHCP",
            "why",
            "xdemux listener add udp '*:68'",
            cuts_off};
}

TEST(Safeguard, findings_that_cut_off_refuse_with_their_remedy) {
    const Settings wanted{Mode::enforce, ClosedPolicy::reject, true};
    EXPECT_TRUE(refuse_for(std::vector{finding(false)}, wanted, false));
    const auto refused = refuse_for(std::vector{finding(false), finding(true)}, wanted, false);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::refused);
    EXPECT_EQ(refused.error().message(),
              "refused, it would cut off live traffic to udp *:68: dhclient (812) waits for DHCP; run xdemux listener "
              "add udp '*:68' first, or use --force");
    EXPECT_EQ(
        refuse_for(std::vector{finding(true), finding(true)}, wanted, true).error().message(),
        "refused, it would cut off live traffic to udp *:68: dhclient (812) waits for DHCP (and 1 more: see xdemux "
        "doctor); attach without --enforce, run xdemux listener add udp '*:68', then xdemux set --enforce "
        "--closed reject, or use --force");
}

TEST(Operator, ssh_connection_is_read_as_sshd_writes_it) {
    EXPECT_EQ(parse_ssh_connection("198.51.100.7 50000 192.0.2.1 22"), login);
    const auto ipv6 = parse_ssh_connection("fe80::7%eth0 50000 fe80::1%eth0 22");
    ASSERT_TRUE(ipv6);
    EXPECT_EQ(ipv6->remote, end("[fe80::7]:50000"));
    EXPECT_EQ(ipv6->local, end("[fe80::1]:22"));
}

TEST(Operator, a_mapped_ssh_connection_is_one_of_ipv4) {
    EXPECT_EQ(parse_ssh_connection("::ffff:198.51.100.7 50000 ::ffff:192.0.2.1 22"),
              parse_ssh_connection("198.51.100.7 50000 192.0.2.1 22"));
}

TEST(Operator, a_malformed_ssh_connection_names_nobody) {
    for (const char* text :
         {"", "198.51.100.7 50000 192.0.2.1", "198.51.100.7 50000 192.0.2.1 22 more", "198.51.100.7 70000 192.0.2.1 22",
          "198.51.100.7 50000 2001:db8::1 22", "UNKNOWN 65535 UNKNOWN 65535"})
        EXPECT_FALSE(parse_ssh_connection(text)) << text;
}

}  // namespace
}  // namespace xdemux::test::ops_safeguard
