// SPDX-License-Identifier: BSD-2-Clause
// Groups whose writer was killed, at each of the points where it may happen: the next writer finds, or makes, the group
// as it was or as it was to be. Each point is written as the killed one leaves it.
#include <algorithm>
#include <map>
#include <set>

#include <bpf/bpf.h>
#include <unistd.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/ops/flows.h>
#include <xdemux/ops/groups.h>
#include <xdemux/ops/targets.h>

#include "support/instance_fixture.h"

namespace xdemux::test::ops_groups_test {
namespace {

using contract::GROUP_STAGED;

class OpsGroups : public InstanceTest {
  protected:
    static GroupMembers members(std::initializer_list<std::string_view> texts) {
        GroupMembers all;
        for (const auto text : texts)
            all.push_back(GroupMember::parse(text).value());
        return all;
    }
    void add(const std::string& name, std::initializer_list<std::string_view> texts) {
        auto instance = Instance::open_or_create(name_).value();
        const auto added = add_group(instance, {name, members(texts)});
        ASSERT_TRUE(added) << added.error().message();
    }
    /// As a killed one leaves it: without what clears up behind a change.
    template <typename Write>
    void leave(const Write& write) {
        auto instance = Instance::open_for_change(name_).value();
        write(instance.tables().steering);
    }
    /// "cpu:0=1 drop=2", after the next writer.
    std::string recovered(const std::string& name) {
        const auto instance = Instance::open_for_change(name_).value();
        const auto rows = group_rows(instance);
        if (!rows) return rows.error().message();
        const auto row = std::ranges::find(*rows, name, &GroupRow::name);
        if (row == rows->end()) return "none";
        std::string text;
        for (const auto& member : row->members)
            text += fmt::format("{}{}={}", text.empty() ? "" : " ", member.target.to_string(), member.weight);
        return text;
    }
    std::size_t entries() {
        std::size_t count = 0;
        const auto instance = Instance::open(name_).value();
        const auto walked = instance.tables().steering.group_members.for_each(
            [&](const contract::group_member&, const contract::group_weight&) { return ++count > 0; });
        return walked ? count : SIZE_MAX;
    }
    /// The number of the group, which is the first row of all that have none by themselves.
    static constexpr std::uint32_t group = contract::TARGET_FIRST;
};

/// The numbers that a group's table has.
std::set<std::uint16_t> numbers_in(const Instance& instance, std::uint32_t group) {
    const auto id = instance.tables().steering.group_tables.find(group);
    if (!id || !*id) return {};
    const int fd = ::bpf_map_get_fd_by_id(**id);
    contract::group_table table{};
    const std::uint32_t zero = 0;
    EXPECT_EQ(::bpf_map_lookup_elem(fd, &zero, &table), 0);
    ::close(fd);
    return {std::begin(table.members), std::end(table.members)};
}

TEST_F(OpsGroups, a_table_is_made_of_the_members_that_have_a_weight) {
    add("web", {"pass", "drop=2", "reject=0"});
    EXPECT_EQ(numbers_in(Instance::open(name_).value(), group),
              (std::set<std::uint16_t>{contract::TARGET_PASS, contract::TARGET_DROP}));
    auto instance = Instance::open_for_change(name_).value();
    ASSERT_TRUE(change_group(instance, "web", {members({"reject=1", "pass=0", "drop=0"}), {}}));
    EXPECT_EQ(numbers_in(instance, group), (std::set<std::uint16_t>{contract::TARGET_REJECT}));
    ASSERT_TRUE(change_group(instance, "web", {members({"reject=0"}), {}}));
    EXPECT_EQ(numbers_in(instance, group), (std::set<std::uint16_t>{0}));
}

TEST_F(OpsGroups, a_change_that_was_not_committed_has_not_happened) {
    add("web", {"pass=1", "drop=2"});
    leave([](const SteeringTables& tables) {
        ASSERT_TRUE(tables.group_members.put({group | GROUP_STAGED, contract::TARGET_REJECT}, {5}));
    });
    EXPECT_EQ(recovered("web"), "pass=1 drop=2");
    EXPECT_EQ(entries(), 2U);
}

TEST_F(OpsGroups, a_change_that_was_committed_is_completed) {
    for (int steps = 0; steps < 4; ++steps) {
        SCOPED_TRACE(steps);
        const std::string name = fmt::format("web{}", steps);
        add(name, {"pass=1", "drop=2"});
        leave([&](const SteeringTables& tables) {
            ASSERT_TRUE(tables.group_members.put({group | GROUP_STAGED, contract::TARGET_REJECT}, {5}));
            ASSERT_TRUE(tables.group_members.put({group | GROUP_STAGED, contract::TARGET_DROP}, {3}));
            ASSERT_TRUE(tables.group_members.put({group | GROUP_STAGED, 0}, {1}));
            // What the killed one had got done behind its commit.
            if (steps > 0) {
                ASSERT_TRUE(tables.group_members.put({group, contract::TARGET_REJECT}, {5}));
            }
            if (steps > 1) {
                ASSERT_TRUE(tables.group_members.put({group, contract::TARGET_DROP}, {3}));
            }
            if (steps > 2) {
                ASSERT_TRUE(tables.group_members.erase({group, contract::TARGET_PASS}));
            }
        });
        EXPECT_EQ(recovered(name), "drop=3 reject=5");
        EXPECT_EQ(numbers_in(Instance::open(name_).value(), group),
                  (std::set<std::uint16_t>{contract::TARGET_DROP, contract::TARGET_REJECT}));
        EXPECT_EQ(entries(), 2U);
        auto instance = Instance::open_for_change(name_).value();
        ASSERT_TRUE(delete_group(instance, name));
    }
}

// Without its mark the rest of what was staged is what a killed one had only begun.
TEST_F(OpsGroups, a_change_whose_mark_is_gone_is_over) {
    add("web", {"drop=3"});
    leave([](const SteeringTables& tables) {
        ASSERT_TRUE(tables.group_members.put({group | GROUP_STAGED, contract::TARGET_DROP}, {3}));
    });
    EXPECT_EQ(recovered("web"), "drop=3");
    EXPECT_EQ(entries(), 1U);
}

TEST_F(OpsGroups, a_group_without_its_row_is_none) {
    add("web", {"pass=1", "drop=2"});
    leave([](const SteeringTables& tables) { ASSERT_TRUE(tables.targets.put(group, {})); });
    EXPECT_EQ(recovered("web"), "none");
    EXPECT_EQ(entries(), 0U);
    EXPECT_TRUE(numbers_in(Instance::open(name_).value(), group).empty());
}

TEST_F(OpsGroups, readers_see_a_committed_change_before_it_is_completed) {
    add("web", {"pass=1"});
    leave([](const SteeringTables& tables) {
        ASSERT_TRUE(tables.group_members.put({group | GROUP_STAGED, contract::TARGET_DROP}, {3}));
    });
    const auto member_now = [&] {
        return group_rows(Instance::open(name_).value()).value().front().members.front().target.to_string();
    };
    // Opened to read, it clears nothing up.
    EXPECT_EQ(member_now(), "pass");
    leave([](const SteeringTables& tables) {
        ASSERT_TRUE(tables.group_members.put({group | GROUP_STAGED, contract::TARGET_DROP}, {3}));
        ASSERT_TRUE(tables.group_members.put({group | GROUP_STAGED, 0}, {1}));
    });
    EXPECT_EQ(member_now(), "drop");
}

TEST_F(OpsGroups, members_that_nothing_names_any_more_are_swept) {
    add("web", {"cpu:0", "cpu:0,queue=64"});
    const auto targets = [&] { return read_targets(Instance::open(name_).value().tables())->targets().size(); };
    EXPECT_EQ(targets(), 3U);
    {
        auto instance = Instance::open_for_change(name_).value();
        ASSERT_TRUE(change_group(instance, "web", {{}, {Target::parse("cpu:0").value()}}));
    }
    EXPECT_EQ(targets(), 2U);
    auto instance = Instance::open_for_change(name_).value();
    ASSERT_TRUE(delete_group(instance, "web"));
    EXPECT_EQ(targets(), 0U);
}

// As others do, but for those that a FIN or RST ended, which wait as long as a TIME-WAIT.
TEST_F(OpsGroups, kept_flows_age) {
    add("web", {"drop"});
    auto instance = Instance::open_for_change(name_).value();
    const auto leave_flow = [&](Proto proto, std::uint16_t port, contract::flow_state state, std::uint64_t seconds) {
        const FlowKey key{
            proto, SocketAddress::parse("192.0.2.1:443", proto).value(), {Address::ipv4({198, 51, 100, 7}), port}};
        FlowFacts facts;
        facts.target = contract::TARGET_DROP;
        facts.state = state;
        facts.touched_ns = coarse_now_ns() - seconds * 1'000'000'000;
        EXPECT_TRUE(instance.tables().flows.claim(encode(key), facts));
    };
    // The clock begins with the machine, which may have been up for seconds alone.
    constexpr IdleLimits limits{.udp = std::chrono::seconds(10), .time_wait = std::chrono::seconds(10)};
    leave_flow(Proto::tcp, 1, contract::FLOW_STICKY, 15);
    leave_flow(Proto::tcp, 2, contract::FLOW_STICKY_ENDED, 15);
    leave_flow(Proto::tcp, 3, contract::FLOW_STICKY_ENDED, 0);
    leave_flow(Proto::udp, 4, contract::FLOW_STICKY, 0);
    leave_flow(Proto::udp, 5, contract::FLOW_STICKY, 15);
    EXPECT_EQ(expire_flows(instance, limits), 2U);
    std::map<std::uint16_t, std::string> states;
    ASSERT_TRUE(for_each_flow(instance, [&](const Flow& flow) {
        states[flow.key.remote.port] = flow.state;
        return true;
    }));
    EXPECT_EQ(states, (std::map<std::uint16_t, std::string>{{1, "STICKY"}, {3, "TIME-WAIT"}, {4, "STICKY"}}));
    EXPECT_EQ(group_rows(instance)->front().members.front().flows, std::nullopt) << "it is not sticky";
}

}  // namespace
}  // namespace xdemux::test::ops_groups_test
