// SPDX-License-Identifier: BSD-2-Clause
// Where the interface forwards, the kernel's routes confirm each drop that no entry asked for by name: the table of
// local addresses may be stale, and the packet another host's.
#include "support/expectation.h"

namespace xdemux::test::forward_test {
namespace {

class Forwarding : public ProgTest {
  protected:
    void SetUp() override {
        load(enforce(VERDICT_DROP));
        // A stale table: it takes another host's addresses for this one's.
        program().add_local(beyond_ipv4);
        program().add_local(beyond_ipv6);
        Testbed::get().set_forwarding(true);
    }
    void TearDown() override {
        Testbed::get().set_forwarding(false);
        ProgTest::TearDown();
    }
};

TEST_F(Forwarding, SavesWhatTheKernelSendsOn) {
    const Expected closed80 = drops(REASON_CLOSED).at(PROTO_TCP, 80), closed53 = drops(REASON_CLOSED).at(PROTO_UDP, 53);
    expect_all({
        {"TCP over IPv4", tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL)},
        {"TCP over IPv6", tcp6(80, beyond_ipv6).syn(), passes(REASON_NOT_LOCAL)},
        {"UDP over IPv4", udp4(53, beyond_ipv4), passes(REASON_NOT_LOCAL)},
        {"UDP over IPv6", udp6(53, beyond_ipv6), passes(REASON_NOT_LOCAL)},
        {"port zero", udp4(0, beyond_ipv4), passes(REASON_NOT_LOCAL)},
        {"a malformed one", tcp4(80, beyond_ipv4).set8(12, 0), passes(REASON_BAD_TCP)},
        {"local, TCP over IPv4", tcp4(80).syn(), closed80},
        {"local, TCP over IPv6", tcp6(80).syn(), closed80},
        {"local, UDP over IPv4", udp4(53), closed53},
        {"local, UDP over IPv6", udp6(53), closed53},
        {"local and malformed", tcp4(80).set8(12, 0), drops(REASON_BAD_TCP)},
    });
}

TEST_F(Forwarding, SavesItFromWildcardListeners) {
    const std::uint64_t heard = program().listener(1).packets;
    for (const auto target : {TARGET_DROP, TARGET_REJECT}) {
        program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = target, .id = 1}, FAMILY_IPV4);
        program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = target, .id = 1}, FAMILY_IPV6);
        program().add_wildcard({.proto = PROTO_TCP, .port = 0, .target = target, .id = 2}, FAMILY_DUAL);
        expect(tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL));
        expect(tcp6(80, beyond_ipv6).syn(), passes(REASON_NOT_LOCAL));
        expect(tcp4(81, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL));
        EXPECT_EQ(program().listener(1).packets, heard);
    }
    expect(tcp4(80).syn(), rejects(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 80).by(1));
}

TEST_F(Forwarding, DoesNotSaveWhatAnEntryNames) {
    program().add_exact({.proto = PROTO_TCP, .port = 80, .target = TARGET_DROP, .id = 3}, beyond_ipv4);
    program().add_prefix({.proto = PROTO_TCP, .port = 0, .target = TARGET_DROP, .id = 4}, "2001:db8:bb::", 48);
    program().add_flow(PROTO_UDP, beyond_ipv4, 53, peer_ipv4, peer_port, TARGET_DROP);
    expect(tcp4(80, beyond_ipv4).syn(), drops(REASON_LISTENER_EXACT).at(PROTO_TCP, 80).by(3));
    expect(tcp6(80, beyond_ipv6).syn(), drops(REASON_LISTENER_ALL_PORTS).at(PROTO_TCP, 80).by(4));
    expect(udp4(53, beyond_ipv4), drops(REASON_FLOW).at(PROTO_UDP, 53));
}

TEST_F(Forwarding, LeavesPassesUnasked) {
    program().add_wildcard({.proto = PROTO_TCP, .port = 80, .target = TARGET_PASS, .id = 1}, FAMILY_DUAL);
    expect(tcp4(80, beyond_ipv4).syn(), passes(REASON_LISTENER_WILDCARD).at(PROTO_TCP, 80).by(1));
}

TEST_F(Forwarding, InMonitorModeIsConfirmedTheSame) {
    load(monitor(VERDICT_DROP));
    program().add_local(beyond_ipv4);
    expect(tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL));
    expect(tcp4(80).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80).in_monitor_mode());
}

TEST_F(Forwarding, SwitchedOffOrOnCountsAtOnce) {
    const Expected closed = drops(REASON_CLOSED).at(PROTO_TCP, 80);
    for (int round = 0; round < 3; round++) {
        SCOPED_TRACE(round);
        expect(tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL));
        expect(tcp6(80, beyond_ipv6).syn(), passes(REASON_NOT_LOCAL));
        Testbed::get().set_forwarding(false);
        expect(tcp4(80, beyond_ipv4).syn(), closed);
        expect(tcp6(80, beyond_ipv6).syn(), closed);
        Testbed::get().set_forwarding(true);
    }
}

TEST_F(Forwarding, OfAnotherInterfaceIsAnotherMatter) {
    // Only xd0 forwards; what arrives on xd1 is dropped, and neither memory disturbs the other's.
    const std::uint32_t elsewhere = Testbed::get().other_ifindex();
    for (int round = 0; round < 3; round++) {
        expect(tcp4(80, beyond_ipv4).syn(), drops(REASON_CLOSED).at(PROTO_TCP, 80), elsewhere);
        expect(tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL));
    }
}

}  // namespace
}  // namespace xdemux::test::forward_test
