// SPDX-License-Identifier: BSD-2-Clause
// The closed policy: endpoints of this host that nobody waits for, port zero, monitor mode, and commit-confirm.
#include "support/expectation.h"

namespace xdemux::test::closed_test {
namespace {

// The same packets under each policy.
void fill(std::vector<Case>& cases, const Expected& closed, const Expected& port_zero) {
    cases = {
        {"TCP over IPv4", tcp4(80).syn(), closed.at(PROTO_TCP, 80)},
        {"TCP over IPv6", tcp6(80).syn(), closed.at(PROTO_TCP, 80)},
        {"UDP over IPv4", udp4(53).payload(10), closed.at(PROTO_UDP, 53)},
        {"UDP over IPv6", udp6(53).payload(10), closed.at(PROTO_UDP, 53)},
        {"the first port", tcp4(1).syn(), closed.at(PROTO_TCP, 1)},
        {"the last port", udp6(65535), closed.at(PROTO_UDP, 65535)},
        {"TCP, port zero", tcp4(0).syn(), port_zero.at(PROTO_TCP, 0)},
        {"TCP over IPv6, port zero", tcp6(0).syn(), port_zero.at(PROTO_TCP, 0)},
        {"UDP, port zero", udp4(0), port_zero.at(PROTO_UDP, 0)},
        {"UDP over IPv6, port zero", udp6(0), port_zero.at(PROTO_UDP, 0)},
    };
}

class Closed : public ProgTest {
  protected:
    void expect_under(const contract::settings& settings, const Expected& closed, const Expected& port_zero) {
        std::vector<Case> cases;
        load(settings);
        fill(cases, closed, port_zero);
        expect_all(cases);
    }
};

TEST_F(Closed, PassesCountsAsClosedAndNotAsDropped) {
    expect_under(enforce(VERDICT_PASS), passes(REASON_CLOSED), passes(REASON_PORT_ZERO));
}

TEST_F(Closed, Drops) {
    expect_under(enforce(VERDICT_DROP), drops(REASON_CLOSED), drops(REASON_PORT_ZERO));
}

TEST_F(Closed, Rejects) {
    expect_under(enforce(VERDICT_REJECT), rejects(REASON_CLOSED), rejects(REASON_PORT_ZERO));
}

TEST_F(Closed, DropsWhereTheHostHasNoSocketEither) {
    expect_under(enforce(VERDICT_DROP, true), drops(REASON_CLOSED), drops(REASON_PORT_ZERO));
}

TEST_F(Closed, RejectsWhereTheHostHasNoSocketEither) {
    expect_under(enforce(VERDICT_REJECT, true), rejects(REASON_CLOSED), rejects(REASON_PORT_ZERO));
}

TEST_F(Closed, InMonitorModeCountsWhatItWouldDo) {
    expect_under(monitor(VERDICT_PASS), passes(REASON_CLOSED), passes(REASON_PORT_ZERO));
    ProgTest::TearDown();
    expect_under(monitor(VERDICT_DROP, true), drops(REASON_CLOSED).in_monitor_mode(),
                 drops(REASON_PORT_ZERO).in_monitor_mode());
    ProgTest::TearDown();
    expect_under(monitor(VERDICT_REJECT), rejects(REASON_CLOSED).in_monitor_mode(),
                 rejects(REASON_PORT_ZERO).in_monitor_mode());
}

TEST_F(Closed, PortZeroIsNoListenersNotEvenOneOnAllPorts) {
    load(enforce(VERDICT_DROP));
    program().add_wildcard({.proto = PROTO_TCP, .port = 0, .target = TARGET_PASS, .id = 1}, FAMILY_DUAL);
    program().add_exact({.proto = PROTO_UDP, .port = 0, .target = TARGET_PASS, .id = 2}, host_ipv4);
    expect(tcp4(0).syn(), drops(REASON_PORT_ZERO).at(PROTO_TCP, 0));
    expect(tcp6(0).syn(), drops(REASON_PORT_ZERO).at(PROTO_TCP, 0));
    expect(udp4(0), drops(REASON_PORT_ZERO).at(PROTO_UDP, 0));
    expect(tcp4(1).syn(), passes(REASON_LISTENER_ALL_PORTS).at(PROTO_TCP, 1).by(1));
}

TEST_F(Closed, SourcePortZeroIsAPortLikeAnother) {
    load(enforce(VERDICT_DROP));
    expect(ip4().udp(0, 53), drops(REASON_CLOSED).at(PROTO_UDP, 53));
    program().add_wildcard({.proto = PROTO_UDP, .port = 53, .target = TARGET_PASS, .id = 1}, FAMILY_DUAL);
    expect(ip4().udp(0, 53), passes(REASON_LISTENER_WILDCARD).at(PROTO_UDP, 53).by(1));
}

class CommitConfirm : public ProgTest {
  protected:
    static contract::settings pending(std::uint64_t confirm_by_ns) {
        contract::settings settings = enforce(VERDICT_DROP);
        settings.fallback = {MODE_MONITOR, VERDICT_REJECT, 0};
        settings.confirm_by_ns = confirm_by_ns;
        return settings;
    }
};

TEST_F(CommitConfirm, ActsByTheNewRulesUntilTheDeadline) {
    load(pending(UINT64_MAX));
    expect(tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
}

TEST_F(CommitConfirm, ActsByTheFormerRulesPastTheDeadline) {
    load(pending(1));
    expect(tcp4(80).syn(), rejects(REASON_CLOSED).at(PROTO_TCP, 80).in_monitor_mode());
    expect(ip4().set8(0, 0x44), drops(REASON_BAD_IPV4).in_monitor_mode());
}

TEST_F(CommitConfirm, TurnsBackWhenTheDeadlinePasses) {
    const auto more_than_loading_takes = static_cast<std::uint64_t>(2e9 * time_scale());
    const contract::settings settings = pending(coarse_now_ns() + more_than_loading_takes);
    load(settings);
    expect(tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80));
    ASSERT_TRUE(wait_until([&] { return coarse_now_ns() > settings.confirm_by_ns; }));
    expect(tcp4(80).syn(), rejects(REASON_CLOSED).at(PROTO_TCP, 80).in_monitor_mode());
}

}  // namespace
}  // namespace xdemux::test::closed_test
