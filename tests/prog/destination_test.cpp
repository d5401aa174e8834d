// SPDX-License-Identifier: BSD-2-Clause
// What the program remembers of listeners and local routes: each packet gets what the tables say of its own
// destination, however warm the memory is; and nothing outlives its epoch. An answer of memory is told from one of the
// tables by changing these without saying so.
#include <functional>

#include "support/expectation.h"

namespace xdemux::test::destination_test {
namespace {

constexpr std::uint16_t port = 8080;

Entry entry(std::uint32_t id, target_kind target = TARGET_PASS, std::uint32_t ifindex = 0) {
    return {.proto = PROTO_TCP, .port = port, .target = target, .id = id, .ifindex = ifindex};
}

Expected by(std::uint32_t id, const Expected& expected) {
    return expected.at(PROTO_TCP, port).by(id);
}

class Destination : public ProgTest {
  protected:
    void SetUp() override { load(enforce(VERDICT_DROP)); }

    // As if nothing had changed.
    void in_same_epoch(const std::function<void()>& change) {
        const std::uint32_t epoch = program().epoch();
        change();
        program().set_epoch(epoch);
    }

    const std::uint32_t here = Testbed::get().ifindex(), elsewhere = Testbed::get().other_ifindex();
};

TEST_F(Destination, IsRememberedUntilTheEpochChanges) {
    const Packet syns[] = {tcp4(port).syn(), tcp6(port).syn()};
    const std::string_view addresses[] = {host_ipv4, host_ipv6};
    for (int i = 0; i < 2; i++) {
        const Packet& syn = syns[i];
        program().add_exact(entry(1), addresses[i]);
        expect(syn, by(1, passes(REASON_LISTENER_EXACT)));
        in_same_epoch([&] { program().add_exact(entry(2, TARGET_DROP), addresses[i]); });
        expect(syn, by(1, passes(REASON_LISTENER_EXACT)));
        program().set_epoch(program().epoch() + 2);
        expect(syn, by(2, drops(REASON_LISTENER_EXACT)));
        in_same_epoch([&] { program().add_exact(entry(3), addresses[i]); });
        expect(syn, by(2, drops(REASON_LISTENER_EXACT)));
    }
}

TEST_F(Destination, IsNotRememberedWhileTheTablesChange) {
    const Packet syn = tcp4(port).syn();
    program().add_exact(entry(1), host_ipv4);
    expect(syn, by(1, passes(REASON_LISTENER_EXACT)));
    const std::uint32_t changing = program().epoch() + 1;
    for (std::uint32_t id = 2; id < 5; id++) {
        program().add_exact(entry(id), host_ipv4);
        program().set_epoch(changing);
        expect(syn, by(id, passes(REASON_LISTENER_EXACT)));
        EXPECT_EQ(program().remembered_destinations(), 0U);
    }
    // What was known before the change does not come back with the next epoch.
    program().set_epoch(changing + 1);
    expect(syn, by(4, passes(REASON_LISTENER_EXACT)));
}

TEST_F(Destination, IsTheWholeOfIt) {
    // Whoever is taken for a neighbour in memory gets his answer.
    program().add_local("192.0.2.77");
    program().add_exact(entry(1), host_ipv4);
    program().add_exact(entry(2, TARGET_DROP), "192.0.2.77");
    program().add_exact(entry(3, TARGET_DROP, elsewhere), host_ipv4);
    program().add_exact({.proto = PROTO_UDP, .port = port, .target = TARGET_DROP, .id = 4}, host_ipv4);
    program().add_exact({.proto = PROTO_TCP, .port = port + 1, .target = TARGET_DROP, .id = 5}, host_ipv4);
    program().add_exact(entry(6, TARGET_DROP), host_ipv6);
    const std::vector<Case> cases = {
        {"the first", tcp4(port).syn(), by(1, passes(REASON_LISTENER_EXACT))},
        {"another address", tcp4(port, "192.0.2.77").syn(), by(2, drops(REASON_LISTENER_EXACT))},
        {"another device", tcp4(port).syn(), by(3, drops(REASON_LISTENER_EXACT)), elsewhere},
        {"another protocol", udp4(port), drops(REASON_LISTENER_EXACT).at(PROTO_UDP, port).by(4)},
        {"another port", tcp4(port + 1).syn(), drops(REASON_LISTENER_EXACT).at(PROTO_TCP, port + 1).by(5)},
        {"another family", tcp6(port).syn(), by(6, drops(REASON_LISTENER_EXACT))},
    };
    for (int i = 0; i < 3; i++)
        expect_all(cases);
    EXPECT_GT(program().remembered_destinations(), cases.size() / 2) << "two may share a place";
}

TEST_F(Destination, WithoutAListenerIsRememberedWhereItIsThisHosts) {
    program().add_local_route("198.51.100.7", 32);
    const Packet syn = tcp4(port, "198.51.100.7").syn(), foreign = tcp4(port, "198.51.100.8").syn();
    for (int i = 0; i < 2; i++)
        expect(syn, drops(REASON_CLOSED).at(PROTO_TCP, port));
    EXPECT_EQ(program().remembered_destinations(), 1U);
    // Of the others there may be any number.
    for (int i = 0; i < 2; i++)
        expect(foreign, passes(REASON_NOT_LOCAL));
    EXPECT_EQ(program().remembered_destinations(), 1U);
}

TEST_F(Destination, OfAWildcardIsThisHostsAlone) {
    program().add_local_route("198.51.100.7", 32);
    program().add_wildcard(entry(1, TARGET_DROP), FAMILY_DUAL);
    for (int i = 0; i < 2; i++) {
        expect(tcp4(port, "198.51.100.7").syn(), by(1, drops(REASON_LISTENER_WILDCARD)));
        expect(tcp4(port, "198.51.100.8").syn(), passes(REASON_NOT_LOCAL));
    }
}

TEST_F(Destination, OfAGuardedListenerAsksTheGuardEachTime) {
    program().add_guard(1, {{"198.51.100.0", 24}});
    Entry guarded = entry(1);
    guarded.guarded = true;
    program().add_exact(guarded, host_ipv4);
    const Packet admitted = eth().ipv4("198.51.100.9", host_ipv4).tcp(peer_port, port).syn();
    for (int i = 0; i < 2; i++) {
        expect(tcp4(port).syn(), drops(REASON_SOURCE_DENIED).at(PROTO_TCP, port).by(1));
        expect(admitted, by(1, passes(REASON_LISTENER_EXACT)));
    }
}

TEST_F(Destination, IsLeftAloneByATrace) {
    program().add_exact(entry(1), host_ipv4);
    const auto traced = [&] {
        return program().run_traced(tcp4(port).syn(), program().settings().trace_key).trace.listener;
    };
    EXPECT_EQ(traced(), 1U);
    EXPECT_EQ(program().remembered_destinations(), 0U);
    expect(tcp4(port).syn(), by(1, passes(REASON_LISTENER_EXACT)));
    in_same_epoch([&] { program().add_exact(entry(2), host_ipv4); });
    EXPECT_EQ(traced(), 2U);
}

}  // namespace
}  // namespace xdemux::test::destination_test
