// SPDX-License-Identifier: BSD-2-Clause
// The next hops of default routes, as the kernel of the test's namespace has them.
#include <gmock/gmock.h>

#include <xdemux/kernel/upstream.h>

#include "support/netns_fixture.h"

namespace xdemux::test::kernel_upstream_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Upstream : public NetnsTest {
  protected:
    static std::vector<std::string> gateways() {
        std::vector<std::string> texts;
        const auto found = default_gateways();
        for (const Address& each : found.value())
            texts.push_back(each.to_string());
        return texts;
    }
};

TEST_F(Upstream, is_nobody_without_a_default_route) {
    run("ip route add 203.0.113.0/24 via 192.0.2.2");
    EXPECT_THAT(gateways(), IsEmpty());
    run("ip route del 203.0.113.0/24");
}

TEST_F(Upstream, is_the_next_hop_of_each_family_and_path) {
    run("ip route add default via 192.0.2.2");
    EXPECT_THAT(gateways(), ElementsAre("192.0.2.2"));
    run("ip -6 route add default via 2001:db8::2");
    EXPECT_THAT(gateways(), ElementsAre("192.0.2.2", "2001:db8::2"));
    run("ip route replace default nexthop via 192.0.2.2 nexthop via 192.0.2.3 weight 2");
    EXPECT_THAT(gateways(), ElementsAre("192.0.2.2", "192.0.2.3", "2001:db8::2"));
    run("ip -6 route replace default nexthop via 2001:db8::2 nexthop via 2001:db8::3");
    EXPECT_THAT(gateways(), ElementsAre("192.0.2.2", "192.0.2.3", "2001:db8::2", "2001:db8::3"));
    run("ip route del default");
    run("ip -4 route add default via inet6 2001:db8::2 dev xd0");
    EXPECT_THAT(gateways(), ElementsAre("2001:db8::2", "2001:db8::3"));
    run("ip route del default; ip -6 route del default");
}

}  // namespace
}  // namespace xdemux::test::kernel_upstream_test
