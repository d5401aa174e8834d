// SPDX-License-Identifier: BSD-2-Clause
#include <gtest/gtest.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/policy/target.h>
#include <xdemux/policy/target_table.h>

namespace xdemux::test::policy_target {
namespace {

Target target(const std::string& text) {
    const auto parsed = Target::parse(text);
    EXPECT_TRUE(parsed) << parsed.error().message();
    return parsed.value_or(Target{});
}

TEST(Target, is_read_as_it_is_written) {
    for (const auto* text : {"pass", "drop", "reject", "cpu:3", "cpu:2-5", "cpu:0,queue=64,fallback=drop", "dev:eth1",
                             "dev:eth1,mac=02:00:00:00:00:0a,src=02:00:00:00:00:0b", "group:web",
                             "xsk:dns,fallback=reject", "socket:http-1", "socket:http-1,fallback=reject"})
        EXPECT_EQ(target(text).to_string(), text);
    EXPECT_EQ(target("cpu:2-5").last_cpu, 5U);
    EXPECT_EQ(target("cpu:2").queue, Target::default_queue);
    EXPECT_EQ(target("dev:eth1,mac=02:00:00:00:00:0a").dst_mac, (MacAddress{2, 0, 0, 0, 0, 10}));
    EXPECT_EQ(target("xsk:dns,fallback=pass").to_string(), "xsk:dns");
}

TEST(Target, bad_ones_are_named) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "unknown target \"\"; the targets are: pass, drop, reject, cpu:N, cpu:N-M, dev:INTERFACE, group:NAME"},
        {"PASS", "unknown target \"PASS\""},
        {"dropp", "unknown target \"dropp\""},
        {"pass ", "unknown target \"pass \""},
        {"steer", "unknown target \"steer\""},
        {"cpu", "unknown target \"cpu\""},
        {"cpu:", "cpu wants a CPU's number"},
        {"cpu:x", "cpu wants a CPU's number"},
        {"cpu:5-2", "its CPUs run backwards"},
        {"cpu:1-", "cpu wants a CPU's number"},
        {"cpu:1,queue=0", "queue is a number of frames"},
        {"cpu:1,queue=99999", "queue is a number of frames"},
        {"cpu:1,mac=02:00:00:00:00:01", "unknown option"},
        {"dev:", "it wants a name"},
        {"dev:a-name-too-long-for-one", "no interface has so long a name"},
        {"dev:eth0,mac=2:0:0:0:0:1", "is no MAC address"},
        {"dev:eth0,src=02:00:00:00:00:01", "src=MAC goes with mac=MAC"},
        {"xsk:a b", "a b"},
        {"xsk:dns,fallback=cpu:1", "fallback is pass, drop or reject"},
        {"drop,fallback=pass", "unknown option"},
        {"socket:web,fallback=drop", "can be passed or rejected, not dropped in silence"},
        {"group:web,", "unknown option \"\""},
    };
    for (const auto& [text, message] : cases) {
        const auto parsed = Target::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().kind(), ErrorKind::usage);
        EXPECT_NE(parsed.error().message().find(message), std::string::npos) << parsed.error().message();
    }
}

TEST(TargetTable, gives_the_smallest_free_number_and_finds_the_same_again) {
    TargetTable table;
    EXPECT_EQ(table.number_of(target("reject")), 3U);
    EXPECT_EQ(table.add(target("cpu:1")), 16U);
    EXPECT_EQ(table.add(target("cpu:1-2")), 17U);
    EXPECT_EQ(table.add(target("cpu:1")), 16U);
    EXPECT_EQ(table.add(target("cpu:1,fallback=drop")), 18U) << "what it does is another thing";
    table.erase(17);
    EXPECT_FALSE(table.find(17));
    EXPECT_EQ(table.add(target("xsk:dns")), 17U);
    EXPECT_EQ(table.find(17)->to_string(), "xsk:dns");
}

TEST(TargetTable, a_name_has_one_fallback) {
    TargetTable table;
    ASSERT_EQ(table.add(target("xsk:dns,fallback=drop")), 16U);
    EXPECT_EQ(table.add(target("xsk:dns")), 16U) << "says nothing of the fallback";
    EXPECT_EQ(table.add(target("socket:dns")), 17U) << "a name is of a kind";
    const auto other = table.add(target("xsk:dns,fallback=pass"));
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().kind(), ErrorKind::in_use);
}

TEST(TargetTable, devices_are_told_by_their_index) {
    TargetTable table;
    Target eth = target("dev:eth1");
    eth.ifindex = 4;
    Target renamed = target("dev:lan0");
    renamed.ifindex = 4;
    Target other = eth;
    other.ifindex = 5;
    EXPECT_EQ(table.add(eth), 16U);
    EXPECT_EQ(table.add(renamed), 16U);
    EXPECT_EQ(table.add(other), 17U);
}

TEST(TargetTable, ends_at_the_number_that_a_flow_can_hold) {
    TargetTable table;
    for (std::uint32_t i = TargetTable::first_number; i < TargetTable::end_number; ++i)
        ASSERT_TRUE(table.add(target("xsk:n" + std::to_string(i))));
    const auto full = table.add(target("xsk:one-more"));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().kind(), ErrorKind::full);
}

TEST(Encode, a_target_survives_the_way_there_and_back) {
    for (const auto* text : {"cpu:2-5,queue=64,fallback=drop", "dev:eth1,mac=02:00:00:00:00:0a,src=02:00:00:00:00:0b",
                             "group:web,fallback=reject", "xsk:fifteen-letters", "socket:s"}) {
        Target original = target(text);
        if (original.kind == TargetKind::dev) original.ifindex = 7;
        original.fallback = original.fallback.value_or(TargetKind::pass);
        const auto back = decode(encode(original));
        ASSERT_TRUE(back && *back) << text;
        EXPECT_EQ(**back, original) << text;
    }
    EXPECT_FALSE(decode(contract::target{})->has_value());
    contract::target strange{};
    strange.kind = contract::TARGET_CPU;
    strange.fallback = contract::TARGET_NONE;
    EXPECT_FALSE(decode(strange));
}

}  // namespace
}  // namespace xdemux::test::policy_target
