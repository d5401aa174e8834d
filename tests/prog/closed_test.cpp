// SPDX-License-Identifier: BSD-2-Clause
// The closed policy: endpoints of this host that nobody waits for, port zero, and what is not this host's.
#include "support/expectation.h"

namespace xdemux::test {
namespace {

class Closed : public ProgTest {};

TEST_F(Closed, PassesCountsAsClosedAndNotAsDropped) {
    load(enforce(VERDICT_PASS));
    expect_all({
        {"TCP over IPv4", tcp4(80).syn(), passes(REASON_CLOSED).at(PROTO_TCP, 80)},
        {"TCP over IPv6", tcp6(80).syn(), passes(REASON_CLOSED).at(PROTO_TCP, 80)},
        {"UDP over IPv4", udp4(53).payload(10), passes(REASON_CLOSED).at(PROTO_UDP, 53)},
        {"UDP over IPv6", udp6(53).payload(10), passes(REASON_CLOSED).at(PROTO_UDP, 53)},
    });
}

}  // namespace
}  // namespace xdemux::test
