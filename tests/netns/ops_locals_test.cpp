// SPDX-License-Identifier: BSD-2-Clause
// The tables of local destinations, as the devices and routes of a namespace have them.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <fmt/ranges.h>

#include <xdemux/ops/locals.h>

#include "support/instance_fixture.h"

namespace xdemux::test::ops_locals_test {
namespace {

using namespace contract;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class OpsLocals : public InstanceTest {
  protected:
    /// "xd0 02:00:00:00:00:01", with " stacked" where other devices stand on it.
    [[nodiscard]] std::vector<std::string> links() const {
        std::vector<std::string> found;
        const auto instance = Instance::open(name_).value();
        EXPECT_TRUE(instance.tables().local_routes.for_each([&](const local_route& key, const local_entry& entry) {
            if (key.family != FAMILY_LINK) return true;
            EXPECT_EQ(key.prefixlen, LOCAL_ROUTE_FIXED_BITS + LOCAL_LINK_BITS);
            local_link link{};
            std::memcpy(&link, key.addr, sizeof link);
            const auto device = interface_by_index(link.ifindex);
            found.push_back(fmt::format("{} {:02x}{}", device ? device->name : "?", fmt::join(link.mac, ":"),
                                        entry.source == LOCAL_BY_STACKED_LINK ? " stacked" : ""));
            return true;
        }));
        return found;
    }
    void refresh() const {
        auto instance = Instance::open_for_change(name_).value();
        ASSERT_TRUE(refresh_locals(instance));
    }
};

std::string address_of(const char* device) {
    return fmt::format("{:02x}", fmt::join(interface_by_name(device).value().mac, ":"));
}

TEST_F(OpsLocals, hold_the_link_address_of_each_attached_device_and_of_no_other) {
    const VethPair other("xdl0", "xdl1");
    ASSERT_TRUE(attach(name_, on(near_device)));
    EXPECT_THAT(links(), ElementsAre("xd0 " + address_of("xd0")));
    ASSERT_TRUE(attach(name_, on("lo")));
    EXPECT_THAT(links(), UnorderedElementsAre("lo 00:00:00:00:00:00", "xd0 " + address_of("xd0")));
    auto instance = Instance::open_for_change(name_).value();
    const std::vector<std::string> near{near_device};
    ASSERT_TRUE(detach(instance, near));
    EXPECT_THAT(links(), ElementsAre("lo 00:00:00:00:00:00"));
}

TEST_F(OpsLocals, follow_a_link_address_that_changes) {
    const VethPair other("xdl0", "xdl1");
    ASSERT_TRUE(attach(name_, on("xdl0")));
    run("ip link set xdl0 address 02:00:00:00:00:2b");
    refresh();
    EXPECT_THAT(links(), ElementsAre("xdl0 02:00:00:00:00:2b"));
}

TEST_F(OpsLocals, hold_the_link_addresses_of_devices_above) {
    const VethPair other("xdl0", "xdl1");
    run("ip link add xdbr9 address 02:00:00:00:00:2c type bridge && ip link set xdl0 master xdbr9 && "
        "ip link set xdl0 address 02:00:00:00:00:2d");
    ASSERT_TRUE(attach(name_, on("xdl0")));
    const auto on_port = links();
    ASSERT_TRUE(unload_instance(name_));
    ASSERT_TRUE(attach(name_, on("xdbr9")));
    const auto on_bridge = links();
    ASSERT_TRUE(unload_instance(name_));
    run("ip link del xdbr9");
    EXPECT_THAT(on_port, UnorderedElementsAre("xdl0 02:00:00:00:00:2c stacked", "xdl0 02:00:00:00:00:2d stacked"));
    EXPECT_THAT(on_bridge, UnorderedElementsAre("xdbr9 02:00:00:00:00:2c", "xdl0 02:00:00:00:00:2c stacked",
                                                "xdl0 02:00:00:00:00:2d stacked"));
}

local_hot hot_line(const Tables& tables) {
    local_hot line = tables.local_hot.find(0).value().value();
    line.epoch = 0;
    return line;
}

/// The lines that a reader of local_hot comes to see while `change` is made, each once, whatever the epoch.
template <typename Change>
std::vector<local_hot> lines_seen(const Tables& tables, const Change& change) {
    std::vector<local_hot> seen;
    std::atomic<bool> begun = false, over = false;
    std::thread reader([&] {
        for (bool last = false; !last;) {
            last = over;
            const local_hot line = hot_line(tables);
            if (seen.empty() || std::memcmp(&seen.back(), &line, sizeof line) != 0) seen.push_back(line);
            begun = true;
        }
    });
    EXPECT_TRUE(wait_until([&] { return begun.load(); }));
    change();
    over = true;
    reader.join();
    return seen;
}

// A packet reads one place before the change and another one after it.
TEST_F(OpsLocals, send_all_packets_to_the_whole_table_while_addresses_change_places) {
    make();
    run("ip addr add 198.18.7.1/32 dev xd0 && ip addr add 198.18.7.2/32 dev xd0");
    refresh();
    const auto instance = Instance::open(name_).value();
    const local_hot before = hot_line(instance.tables());
    ASSERT_EQ(before.more[0], 0);
    run("ip addr del 198.18.7.1/32 dev xd0");
    const auto seen = lines_seen(instance.tables(), [&] { refresh(); });
    run("ip addr del 198.18.7.2/32 dev xd0");
    const local_hot after = hot_line(instance.tables());
    ASSERT_NE(std::memcmp(before.ipv4, after.ipv4, sizeof before.ipv4), 0);
    ASSERT_EQ(after.more[0], 0);

    const auto asks_all = [](local_hot line) {
        std::ranges::fill(line.more, __u8{1});
        return line;
    };
    const local_hot steps[] = {before, asks_all(before), asks_all(after), after};
    auto at = seen.begin();
    for (const local_hot& step : steps) {
        at =
            std::find_if(at, seen.end(), [&](const auto& line) { return std::memcmp(&line, &step, sizeof step) == 0; });
        ASSERT_NE(at, seen.end()) << "step " << &step - steps << " of " << seen.size() << " lines";
    }
}

}  // namespace
}  // namespace xdemux::test::ops_locals_test
