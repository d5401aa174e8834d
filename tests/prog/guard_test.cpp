// SPDX-License-Identifier: BSD-2-Clause
// Who may reach a listener: which sources, and how fast each.
#include "support/expectation.h"

namespace xdemux::test::guard_test {
namespace {

constexpr std::uint16_t port = 22;
constexpr std::uint32_t id = 7;
constexpr std::uint64_t hour = 3'600'000'000'000;
constexpr std::uint8_t protocol_udp = 17;

// From another source than the peer, of the same family.
Packet stranger4(std::uint16_t to = port) {
    return eth().ipv4("198.51.100.9", host_ipv4).tcp(peer_port, to).syn();
}

Packet stranger6(std::uint16_t to = port) {
    return eth().ipv6("2001:db8:ffff::9", host_ipv6).tcp(peer_port, to).syn();
}

Expected heard(reason reason) {
    return passes(reason).at(PROTO_TCP, port).by(id);
}

Expected denied() {
    return drops(REASON_SOURCE_DENIED).at(PROTO_TCP, port).by(id);
}

Expected limited() {
    return drops(REASON_RATE_LIMITED).at(PROTO_TCP, port).by(id);
}

Entry guarded(target_kind target = TARGET_PASS, std::uint32_t ifindex = 0) {
    return {.proto = PROTO_TCP, .port = port, .target = target, .id = id, .ifindex = ifindex, .guarded = true};
}

class Guard : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }

    // The peer's networks of both families.
    void admit_peer(const Limit& limit = {}) {
        program().add_guard(id, {{"192.0.2.0", 24}, {"2001:db8::", 64}}, limit);
    }
    void expect_guarded(reason reason, std::uint32_t ifindex = 0) {
        expect(tcp4(port).syn(), heard(reason), ifindex);
        expect(tcp6(port).syn(), heard(reason), ifindex);
        expect(stranger4(), denied(), ifindex);
        expect(stranger6(), denied(), ifindex);
    }

    const Packet syn4 = tcp4(port).syn(), syn6 = tcp6(port).syn();
};

TEST_F(Guard, OfADualStackWildcardAdmitsItsSourcesOfBothFamilies) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    admit_peer();
    expect_guarded(REASON_LISTENER_WILDCARD);
}

TEST_F(Guard, OfWildcardsOfEachFamilyAdmitsItsSources) {
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        program().add_wildcard(guarded(), family);
    admit_peer();
    expect_guarded(REASON_LISTENER_WILDCARD);
}

TEST_F(Guard, OfADeviceBoundWildcardAdmitsItsSources) {
    program().add_wildcard(guarded(TARGET_PASS, Testbed::get().ifindex()), FAMILY_DUAL);
    admit_peer();
    expect_guarded(REASON_LISTENER_WILDCARD);
    expect(syn4, drops(REASON_CLOSED).at(PROTO_TCP, port), Testbed::get().other_ifindex());
}

TEST_F(Guard, OfAnExactAddressAdmitsItsSources) {
    for (const auto address : {host_ipv4, host_ipv6})
        program().add_exact(guarded(), address);
    admit_peer();
    expect_guarded(REASON_LISTENER_EXACT);
}

TEST_F(Guard, OfAPrefixAdmitsItsSources) {
    program().add_prefix(guarded(), "192.0.2.0", 24);
    program().add_prefix(guarded(), "2001:db8::", 64);
    admit_peer();
    expect_guarded(REASON_LISTENER_PREFIX);
}

TEST_F(Guard, OfAllPortsAdmitsItsSources) {
    Entry entry = guarded();
    entry.port = 0;
    program().add_wildcard(entry, FAMILY_DUAL);
    admit_peer();
    expect_guarded(REASON_LISTENER_ALL_PORTS);
}

TEST_F(Guard, WithSourcesOfOneFamilyDeniesTheOther) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    program().add_guard(id, {{"0.0.0.0", 0}});
    expect(syn4, heard(REASON_LISTENER_WILDCARD));
    expect(stranger4(), heard(REASON_LISTENER_WILDCARD));
    expect(syn6, denied());
}

TEST_F(Guard, AdmitsAHostAndTheEdgesOfAPrefixAlone) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    program().add_guard(id, {{"198.51.100.8", 31}, {"192.0.2.99", 32}});
    const auto from = [](std::string_view source) { return eth().ipv4(source, host_ipv4).tcp(peer_port, port).syn(); };
    expect_all({
        {"the first of the prefix", from("198.51.100.8"), heard(REASON_LISTENER_WILDCARD)},
        {"the last of the prefix", from("198.51.100.9"), heard(REASON_LISTENER_WILDCARD)},
        {"before it", from("198.51.100.7"), denied()},
        {"behind it", from("198.51.100.10"), denied()},
        {"the host", from("192.0.2.99"), heard(REASON_LISTENER_WILDCARD)},
        {"the host's neighbour", from("192.0.2.98"), denied()},
    });
}

TEST_F(Guard, SpeaksForItsOwnListenerAlone) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    program().add_wildcard({.proto = PROTO_TCP, .port = 23, .target = TARGET_PASS, .id = 8, .guarded = true},
                           FAMILY_DUAL);
    program().add_wildcard({.proto = PROTO_TCP, .port = 24, .target = TARGET_PASS, .id = 9}, FAMILY_DUAL);
    admit_peer();
    program().add_guard(8, {{"198.51.100.0", 24}});
    expect(tcp4(23).syn(), drops(REASON_SOURCE_DENIED).at(PROTO_TCP, 23).by(8));
    expect(stranger4(23), passes(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 23).by(8));
    expect(stranger4(24), passes(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 24).by(9));
}

TEST_F(Guard, OfTheListenerThatWinsIsAskedAndNoOther) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    program().add_exact({.proto = PROTO_TCP, .port = port, .target = TARGET_PASS, .id = 8}, host_ipv4);
    program().add_guard(id, {{"203.0.113.0", 24}, {"2001:db8:ffff::", 48}});
    expect(syn4, passes(REASON_LISTENER_EXACT).at(PROTO_TCP, port).by(8));
    expect(syn6, denied());
}

TEST_F(Guard, ThatIsAllZeroRestrictsNothing) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    expect(syn4, heard(REASON_LISTENER_WILDCARD));
}

TEST_F(Guard, RemembersNoVerdictOfAnotherSource) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    const auto from = [](std::uint32_t host) {
        return eth().ipv4("10.0." + std::to_string(host >> 8) + "." + std::to_string(host & 255), host_ipv4);
    };
    // Many more sources than verdicts are remembered, so that they take each other's places; each is asked twice.
    program().add_guard(id, {{"10.0.0.0", 24}, {"10.0.2.0", 24}, {"10.0.16.0", 20}});
    for (std::uint32_t host = 0; host < 32 * 256 && !HasFailure(); host += 3) {
        const std::uint32_t block = host >> 8;
        const bool admitted = block == 0 || block == 2 || block >= 16;
        for (int i = 0; i < 2; i++) {
            EXPECT_EQ(program().run(from(host).tcp(peer_port, port).syn()).action, admitted ? XDP_PASS : XDP_DROP)
                << host;
        }
    }
    load(program().settings());  // those were not expect()'s
}

TEST_F(Guard, RemembersNoVerdictOfAnotherGuardOrFamily) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    const auto action = [&](const Packet& packet) { return program().run(packet).action; };
    const Packet four = eth().ipv4("10.1.2.3", host_ipv4).tcp(peer_port, port).syn();
    const Packet six = eth().ipv6("a01:203::", host_ipv6).tcp(peer_port, port).syn();  // the same bytes
    // So many guards, one after the other, that the two sources and neighbouring guards share places.
    for (int i = 0; i < 6000 && !HasFailure(); i++) {
        const bool admits = i % 2 == 0;
        program().add_guard(id, {{admits ? "10.1.2.3" : "10.1.2.4", 32}});
        EXPECT_EQ(action(four), admits ? XDP_PASS : XDP_DROP) << i;
        EXPECT_EQ(action(six), XDP_DROP) << i;
    }
    load(program().settings());  // those were not expect()'s
}

TEST_F(Guard, LeavesAdmittedPacketsToTheListenersTarget) {
    program().add_wildcard(guarded(TARGET_DROP), FAMILY_DUAL);
    admit_peer();
    expect(syn4, drops(REASON_LISTENER_WILDCARD).at(PROTO_TCP, port).by(id));
    expect(stranger4(), denied());
}

TEST_F(Guard, DropsWhereTheListenerRejects) {
    program().add_wildcard(guarded(TARGET_REJECT), FAMILY_DUAL);
    admit_peer();
    expect(stranger4(), denied());
    EXPECT_EQ(program().run(syn4).action, XDP_TX);
    load(program().settings());  // that one was not expect()'s
}

TEST_F(Guard, IsPassedByAFlow) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    program().add_guard(id, {{"203.0.113.0", 24}}, {hour, 1});
    program().add_flow(PROTO_TCP, host_ipv4, port, peer_ipv4, peer_port, TARGET_PASS);
    for (int i = 0; i < 3; i++)
        expect(syn4, passes(REASON_FLOW).at(PROTO_TCP, port));
}

TEST_F(Guard, InMonitorModeIsCountedAndNotCarriedOut) {
    load(monitor(VERDICT_DROP));
    program().add_wildcard(guarded(), FAMILY_DUAL);
    admit_peer({hour, 1});
    expect(stranger4(), denied().in_monitor_mode());
    expect(syn4, heard(REASON_LISTENER_WILDCARD));
    expect(syn4, limited().in_monitor_mode());
}

TEST_F(Guard, IsForPacketsToThisHostAlone) {
    Testbed::get().set_forwarding(true);
    program().add_wildcard(guarded(), FAMILY_DUAL);
    program().add_guard(id, {{"203.0.113.0", 24}});
    expect(tcp4(port, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL));
    expect(syn4, denied());
    Testbed::get().set_forwarding(false);
}

TEST_F(Guard, OfADatagramsFirstFragmentDecidesAboutTheOthers) {
    program().add_wildcard({.proto = PROTO_UDP, .port = 53, .target = TARGET_PASS, .id = id, .guarded = true},
                           FAMILY_DUAL);
    admit_peer();
    const auto from = [](std::string_view source) { return eth().ipv4(source, host_ipv4); };
    expect(from("198.51.100.9").fragment(5, 0, true).udp(peer_port, 53).set16(4, 900).payload(600),
           drops(REASON_SOURCE_DENIED).at(PROTO_UDP, 53).by(id));
    expect(from("198.51.100.9").fragment(5, 608, false).protocol(protocol_udp).payload(292), drops(REASON_FRAGMENT));
    expect(from(peer_ipv4).fragment(5, 0, true).udp(peer_port, 53).set16(4, 900).payload(600),
           passes(REASON_LISTENER_WILDCARD).at(PROTO_UDP, 53).by(id));
    expect(from(peer_ipv4).fragment(5, 608, false).protocol(protocol_udp).payload(292), passes(REASON_FRAGMENT));
}

TEST_F(Guard, LetsExactlyTheBurstPassAtOnceOfEachSource) {
    for (const std::uint64_t burst : {1U, 2U, 5U, 100U}) {
        load(enforce(VERDICT_DROP));
        program().add_wildcard(guarded(), FAMILY_DUAL);
        program().add_guard(id, {}, {hour, burst});
        for (const Packet& packet : {syn4, syn6, stranger4(), stranger6()}) {
            for (std::uint64_t i = 0; i < burst; i++)
                expect(packet, heard(REASON_LISTENER_WILDCARD));
            for (int i = 0; i < 3; i++)
                expect(packet, limited());
        }
        EXPECT_EQ(program().rated_sources(), 4U);
    }
}

TEST_F(Guard, CountsTheRatesOfEachListenerByThemselves) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    program().add_wildcard({.proto = PROTO_TCP, .port = 23, .target = TARGET_PASS, .id = 8, .guarded = true},
                           FAMILY_DUAL);
    program().add_guard(id, {}, {hour, 1});
    program().add_guard(8, {}, {hour, 1});
    expect(syn4, heard(REASON_LISTENER_WILDCARD));
    expect(syn4, limited());
    expect(tcp4(23).syn(), passes(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 23).by(8));
    expect(tcp4(23).syn(), drops(REASON_RATE_LIMITED).at(PROTO_TCP, 23).by(8));
}

TEST_F(Guard, KeepsNoAccountOfASourceThatItDenies) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    admit_peer({hour, 1});
    for (int i = 0; i < 3; i++)
        expect(stranger4(), denied());
    EXPECT_EQ(program().rated_sources(), 0U);
}

TEST_F(Guard, LetsASourceSendAgainOnceItsTimeHasCome) {
    constexpr std::uint64_t packet_ns = 20'000'000;
    program().add_wildcard(guarded(), FAMILY_DUAL);
    program().add_guard(id, {}, {packet_ns, 1000});
    const auto passed = [&] { return program().run(syn4).action == XDP_PASS; };
    int at_once = 0;
    while (passed())
        ASSERT_LT(++at_once, 100'000) << "the source is never over its rate";
    EXPECT_GE(at_once, 1000);
    EXPECT_TRUE(wait_until(passed));
    load(program().settings());  // these were not expect()'s
}

TEST_F(Guard, OfATracedRunLeavesTheRateAlone) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    program().add_guard(id, {}, {hour, 2});
    const auto traced = [&] { return program().run_traced(syn4, program().settings().trace_key).trace; };
    for (int i = 0; i < 3; i++) {
        const trace t = traced();
        EXPECT_EQ(t.reason, REASON_LISTENER_WILDCARD);
        EXPECT_TRUE(t.asked & STAGE_GUARD);
        EXPECT_FALSE(t.answered & STAGE_GUARD);
    }
    EXPECT_EQ(program().rated_sources(), 0U);
    expect(syn4, heard(REASON_LISTENER_WILDCARD));
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(traced().reason, REASON_LISTENER_WILDCARD) << "there is an account now, with room for one more";
    expect(syn4, heard(REASON_LISTENER_WILDCARD));
    for (int i = 0; i < 3; i++) {
        const trace t = traced();
        EXPECT_EQ(t.reason, REASON_RATE_LIMITED);
        EXPECT_EQ(t.verdict, VERDICT_DROP);
        EXPECT_EQ(t.listener, id);
        EXPECT_TRUE(t.answered & STAGE_GUARD);
    }
    program().add_guard(id, {{"203.0.113.0", 24}});
    EXPECT_EQ(traced().reason, REASON_SOURCE_DENIED);
}

TEST_F(Guard, IsNotAskedWhereNoListenerMatched) {
    program().add_wildcard(guarded(), FAMILY_DUAL);
    admit_peer();
    const trace t = program().run_traced(stranger4(23), program().settings().trace_key).trace;
    EXPECT_EQ(t.reason, REASON_CLOSED);
    EXPECT_FALSE(t.asked & STAGE_GUARD);
}

}  // namespace
}  // namespace xdemux::test::guard_test
