// SPDX-License-Identifier: BSD-2-Clause
// Listeners and flows: changed all or nothing, also where the writer is killed, and seen by the program at once.
#include <chrono>
#include <vector>

#include <xdemux/kernel/encode.h>
#include <xdemux/ops/counters.h>
#include <xdemux/ops/explain.h>
#include <xdemux/ops/flows.h>
#include <xdemux/ops/locals.h>
#include <xdemux/ops/snapshot.h>

#include "support/instance_fixture.h"

namespace xdemux::test::ops_listeners_test {
namespace {

using ::testing::HasSubstr;

class OpsListeners : public InstanceTest {
  protected:
    Status change(const std::vector<ListenerChange>& changes, const ListenerOptions& options = {}) {
        auto instance = Instance::open_or_create(name_);
        if (!instance) return fail(instance.error());
        return change_listeners(*instance, changes, options);
    }
    std::string reason_for(const std::string& destination) {
        const auto instance = Instance::open(name_).value();
        ExplainRequest request;
        request.packet.destination = SocketAddress::parse(destination, Proto::tcp).value();
        const bool ipv4 = request.packet.destination.address.family() == Family::ipv4;
        request.packet.source =
            SocketAddress::parse(ipv4 ? "198.51.100.9:4000" : "[2001:db8:9::9]:4000", Proto::tcp).value();
        const auto explanation = explain(instance, request);
        return explanation ? std::string(reason_name(explanation->reason)) : explanation.error().message();
    }
    std::size_t count() { return read_listeners(Instance::open(name_).value())->size(); }
    void leave_journal(contract::journal_state state) {
        const auto instance = Instance::open_for_change(name_).value();
        ASSERT_TRUE(instance.tables().journal.put(0, {state}));
    }
};

FlowLine flow(std::uint32_t number) {
    FlowLine line;
    line.line = number + 1;
    line.key.local = SocketAddress::parse("192.0.2.1:443", Proto::tcp).value();
    line.key.remote = {Address::ipv4({198, 51, static_cast<std::uint8_t>(number >> 16U), 1}),
                       static_cast<std::uint16_t>(number % 60'000 + 1)};
    line.key.remote.address = Address::ipv4({198, static_cast<std::uint8_t>(18 + number / 60'000), 0, 1});
    return line;
}

std::vector<FlowLine> flows(std::uint32_t count) {
    std::vector<FlowLine> lines;
    for (std::uint32_t i = 0; i < count; ++i)
        lines.push_back(flow(i));
    return lines;
}

TEST_F(OpsListeners, are_seen_by_the_program_in_every_form) {
    ASSERT_TRUE(change({listener("192.0.2.1:80"), listener("203.0.113.0/24:80"), listener("0.0.0.0:81"),
                        listener("[2001:db8::/64]:*"), listener("192.0.2.1:8000-8002")}));
    EXPECT_EQ(reason_for("192.0.2.1:80"), "listener_exact");
    EXPECT_EQ(reason_for("203.0.113.9:80"), "listener_prefix");
    EXPECT_EQ(reason_for("192.0.2.1:81"), "listener_wildcard");
    EXPECT_EQ(reason_for("[2001:db8::77]:9"), "listener_all_ports");
    EXPECT_EQ(reason_for("192.0.2.1:8002"), "listener_exact");
    EXPECT_EQ(reason_for("192.0.2.1:8003"), "closed");
    EXPECT_EQ(reason_for("198.18.0.1:80"), "not_local");
}

TEST_F(OpsListeners, what_is_removed_is_gone_from_every_table) {
    const auto empty_tables = [&] {
        const auto instance = Instance::open(name_).value();
        std::size_t entries = 0;
        const auto counted = [&](const auto&, const auto&) { return ++entries > 0; };
        EXPECT_TRUE(instance.tables().listeners.for_each(counted));
        EXPECT_TRUE(instance.tables().listen_addrs.for_each(counted));
        EXPECT_TRUE(instance.tables().listen_prefixes.for_each(counted));
        for (std::uint32_t i = 0; i < contract::PORT_INDEXES; ++i) {
            if (!decode(instance.tables().port_slots[i]).empty()) ++entries;
        }
        return entries == 0;
    };
    const std::vector<std::string> endpoints{"192.0.2.1:80", "203.0.113.0/24:80", "0.0.0.0:81", "*:82", "[::]:*"};
    std::vector<ListenerChange> add, remove;
    for (const auto& endpoint : endpoints) {
        add.push_back(listener(endpoint));
        remove.push_back(listener(endpoint, TargetKind::pass, ListenerVerb::remove));
    }
    ASSERT_TRUE(change(add));
    EXPECT_FALSE(empty_tables());
    ASSERT_TRUE(change(remove));
    EXPECT_TRUE(empty_tables());
    EXPECT_EQ(reason_for("203.0.113.9:80"), "not_local") << "no listener names it any more";
}

TEST_F(OpsListeners, a_batch_is_all_or_nothing_and_tells_every_line) {
    ASSERT_TRUE(change({listener("192.0.2.1:80")}));
    std::vector<ListenerChange> batch{listener("192.0.2.1:81"), listener("192.0.2.1:80"), listener("192.0.2.1:82"),
                                      listener("192.0.2.1:82")};
    for (std::size_t i = 0; i < batch.size(); ++i)
        batch[i].line = i + 1;
    ListenerOptions options;
    options.source = "list.txt";
    EXPECT_THAT(failure(change(batch, options), ErrorKind::in_use),
                ::testing::AllOf(HasSubstr("list.txt:2: "), HasSubstr("list.txt:4: ")));
    EXPECT_EQ(count(), 1U);
    EXPECT_EQ(reason_for("192.0.2.1:81"), "closed");
}

TEST_F(OpsListeners, a_failed_first_use_or_a_dry_run_makes_no_instance) {
    EXPECT_FALSE(change({listener("192.0.2.1:80"), listener("192.0.2.1:80")}));
    EXPECT_FALSE(pins_.exists());
    ListenerOptions options;
    options.dry_run = true;
    EXPECT_TRUE(change({listener("192.0.2.1:80")}, options));
    EXPECT_FALSE(pins_.exists());
}

TEST_F(OpsListeners, replace_changes_the_target_in_place) {
    ASSERT_TRUE(change({listener("192.0.2.1:80")}));
    ASSERT_TRUE(change({listener("192.0.2.1:80", TargetKind::drop, ListenerVerb::replace)}));
    EXPECT_EQ(count(), 1U);
    const auto instance = Instance::open(name_).value();
    ExplainRequest request;
    request.packet.source = SocketAddress::parse("198.51.100.9:4000", Proto::tcp).value();
    request.packet.destination = SocketAddress::parse("192.0.2.1:80", Proto::tcp).value();
    const auto explanation = explain(instance, request).value();
    EXPECT_EQ(explanation.verdict, contract::VERDICT_DROP);
    EXPECT_EQ(explanation.action, contract::VERDICT_PASS) << "it only monitors";
    ASSERT_TRUE(explanation.listener);
    EXPECT_EQ(explanation.listener->target.kind, TargetKind::drop);
}

TEST_F(OpsListeners, a_full_table_is_named_with_its_size) {
    InstanceOptions options;
    options.listeners = 2;
    auto instance = Instance::open_or_create(name_, options).value();
    const std::vector<ListenerChange> three{listener("*:1"), listener("*:2"), listener("*:3")};
    EXPECT_THAT(failure(change_listeners(instance, three), ErrorKind::full),
                HasSubstr("table \"listeners\" is full: it holds 2 and the change takes 3"));
    EXPECT_TRUE(change_listeners(instance, std::span(three).first(2)));
    const std::vector<ListenerChange> wide{listener("192.0.2.1:1-65535"), listener("192.0.2.2:1-2")};
    const std::vector<ListenerChange> swap{listener("*:1", TargetKind::pass, ListenerVerb::remove),
                                           listener("*:2", TargetKind::pass, ListenerVerb::remove)};
    ASSERT_TRUE(change_listeners(instance, swap));
    EXPECT_THAT(failure(change_listeners(instance, wide), ErrorKind::full),
                HasSubstr("table \"listen_addrs\" holds 65536 entries and the change takes 65537"));
}

TEST_F(OpsListeners, a_change_that_was_not_committed_is_undone) {
    ASSERT_TRUE(change({listener("192.0.2.1:80")}));
    {
        // As a writer that is killed before the commit leaves it: one comes, one goes, the tables are half written.
        const auto instance = Instance::open_for_change(name_).value();
        const Tables& tables = instance.tables();
        ASSERT_TRUE(tables.journal.put(0, {contract::JOURNAL_APPLYING}));
        auto old = tables.listeners.find(1).value().value();
        old.state = contract::LISTENER_REMOVING;
        ASSERT_TRUE(tables.listeners.put(1, old));
        ASSERT_TRUE(tables.listeners.put(
            2, encode(listener("0.0.0.0:90").listener, contract::TARGET_PASS, contract::LISTENER_ADDING)));
        Slot slot;
        slot.wildcard[0] = {2, TargetKind::pass};
        tables.port_slots[90] = encode(slot);
        tables.port_slots[80] = encode(Slot{});
    }
    EXPECT_EQ(count(), 1U) << "readers believe what is committed";
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_EQ(count(), 1U);
    EXPECT_EQ(reason_for("192.0.2.1:80"), "listener_exact");
    EXPECT_EQ(reason_for("192.0.2.1:90"), "closed");
}

TEST_F(OpsListeners, a_change_that_was_committed_is_completed) {
    ASSERT_TRUE(change({listener("192.0.2.1:80")}));
    {
        const auto instance = Instance::open_for_change(name_).value();
        const Tables& tables = instance.tables();
        auto old = tables.listeners.find(1).value().value();
        old.state = contract::LISTENER_REMOVING;
        ASSERT_TRUE(tables.listeners.put(1, old));
        ASSERT_TRUE(tables.listeners.put(
            2, encode(listener("0.0.0.0:90").listener, contract::TARGET_PASS, contract::LISTENER_ADDING)));
        ASSERT_TRUE(tables.journal.put(0, {contract::JOURNAL_COMMITTED}));
    }
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_EQ(count(), 1U);
    EXPECT_EQ(reason_for("192.0.2.1:80"), "closed");
    EXPECT_EQ(reason_for("192.0.2.1:90"), "listener_wildcard");
    EXPECT_FALSE(Instance::open(name_)->tables().listeners.find(1).value());
}

TEST_F(OpsListeners, explain_leaves_the_counters_alone) {
    ASSERT_TRUE(change({listener("192.0.2.1:80")}));
    ASSERT_EQ(reason_for("192.0.2.1:80"), "listener_exact");
    const auto instance = Instance::open(name_).value();
    EXPECT_TRUE(read_reasons(instance)->empty());
    EXPECT_TRUE(read_counters(instance)->empty());
    EXPECT_EQ(read_listener_rows(instance)->at(0).traffic, TrafficCount{});
}

TEST_F(OpsListeners, counters_count_traffic_and_can_be_reset) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    ASSERT_TRUE(change({listener("192.0.2.1:80")}));
    run_in_peer("! bash -c ': < /dev/tcp/192.0.2.1/80' 2>/dev/null");
    auto instance = Instance::open_for_change(name_).value();
    EXPECT_TRUE(wait_until([&] { return read_counter(instance, Proto::tcp, 80)->seen.packets > 0; }));
    EXPECT_GT(read_listener_rows(instance)->at(0).traffic.packets, 0U);
    ASSERT_TRUE(reset_counters(instance));
    EXPECT_TRUE(read_counter(instance, Proto::tcp, 80)->zero());
    EXPECT_EQ(read_listener_rows(instance)->at(0).traffic, TrafficCount{});
}

TEST_F(OpsListeners, local_destinations_follow_the_host) {
    make();
    EXPECT_EQ(reason_for("198.18.7.7:80"), "not_local");
    run(fmt::format("ip addr add 198.18.7.7/32 dev {}", near_device));
    refresh_locals_if_possible(name_);
    EXPECT_EQ(reason_for("198.18.7.7:80"), "closed");
    run(fmt::format("ip addr del 198.18.7.7/32 dev {}", near_device));
    refresh_locals_if_possible(name_);
    EXPECT_EQ(reason_for("198.18.7.7:80"), "not_local");
}

TEST_F(OpsListeners, the_port_table_is_in_order_of_precedence) {
    ASSERT_TRUE(change({listener("*:80"), listener("0.0.0.0:80"), listener("192.0.2.0/24:80"), listener("192.0.2.1:80"),
                        listener("192.0.2.1:*"), listener("192.0.2.0/25:80")}));
    auto instance = Instance::open_for_change(name_).value();
    ASSERT_TRUE(add_flow(instance, flow(0).key, {}));
    EndpointQuery query;
    query.filter = [](const Endpoint& row) { return row.source == EndpointSource::table; };
    const auto rows = read_endpoints(instance, query).value();
    std::vector<std::string> order;
    for (const auto& row : rows)
        order.push_back(row.local.to_string());
    EXPECT_THAT(order, ::testing::ElementsAre("192.0.2.1:443", "192.0.2.1:80", "192.0.2.0/25:80", "192.0.2.0/24:80",
                                              "0.0.0.0:80", "[::]:80", "192.0.2.1:*"));
}

class OpsFlows : public OpsListeners {};

TEST_F(OpsFlows, a_hundred_thousand_are_added_found_and_flushed) {
    InstanceOptions options;
    options.flows = 100'000;
    auto instance = Instance::open_or_create(name_, options).value();
    const auto lines = flows(100'000);
    std::size_t last = 0;
    FlowOptions flow_options;
    flow_options.progress = [&](std::size_t done, std::size_t) { last = done; };
    const auto added = add_flows(instance, lines, flow_options);
    ASSERT_TRUE(added) << added.error().message();
    EXPECT_EQ(last, lines.size());
    EXPECT_EQ(count_flows(instance), lines.size());
    EXPECT_EQ(instance.tables().port_slots[443].flows, lines.size());
    EXPECT_EQ(flush_flows(instance).value().erased, lines.size());
    EXPECT_EQ(count_flows(instance), 0U);
    EXPECT_EQ(instance.tables().port_slots[443].flows, 0U);
}

TEST_F(OpsFlows, a_conflict_half_way_undoes_what_was_added) {
    auto instance = Instance::open_or_create(name_).value();
    ASSERT_TRUE(add_flow(instance, flow(700).key, {}));
    FlowOptions options;
    options.source = "flows.txt";
    EXPECT_THAT(failure(add_flows(instance, flows(1000), options), ErrorKind::in_use),
                ::testing::AllOf(HasSubstr("flows.txt:701: "), HasSubstr("already in use by a flow")));
    EXPECT_EQ(count_flows(instance), 1U);
    EXPECT_EQ(instance.tables().port_slots[443].flows, 1U);
    options.dry_run = true;
    EXPECT_FALSE(add_flows(instance, flows(1000), options));
    EXPECT_TRUE(add_flows(instance, flows(700), options));
    EXPECT_EQ(count_flows(instance), 1U);
}

TEST_F(OpsFlows, one_that_stands_twice_in_a_batch_is_refused) {
    auto instance = Instance::open_or_create(name_).value();
    auto lines = flows(3);
    lines.push_back(lines[1]);
    lines.back().line = 4;
    EXPECT_THAT(failure(add_flows(instance, lines), ErrorKind::in_use), HasSubstr("line 2 has it already"));
    EXPECT_EQ(count_flows(instance), 0U);
}

TEST_F(OpsFlows, deleting_takes_all_or_none) {
    auto instance = Instance::open_or_create(name_).value();
    ASSERT_TRUE(add_flows(instance, flows(10)));
    EXPECT_THAT(failure(delete_flows(instance, flows(11)), ErrorKind::not_found), HasSubstr("no flow tcp"));
    EXPECT_EQ(count_flows(instance), 10U);
    ASSERT_TRUE(delete_flows(instance, flows(10)));
    EXPECT_EQ(count_flows(instance), 0U);
    EXPECT_EQ(instance.tables().port_slots[443].flows, 0U);
}

TEST_F(OpsFlows, explain_names_the_flow_that_matched) {
    auto instance = Instance::open_or_create(name_).value();
    const auto key = flow(5).key;
    ASSERT_TRUE(add_flow(instance, key, {TargetKind::drop}));
    ExplainRequest request;
    request.packet.source = key.remote;
    request.packet.destination = key.local;
    const auto explanation = explain(instance, request).value();
    EXPECT_EQ(explanation.reason, contract::REASON_FLOW);
    EXPECT_EQ(explanation.verdict, contract::VERDICT_DROP);
    ASSERT_TRUE(explanation.flow);
    EXPECT_EQ(*explanation.flow, key);
}

}  // namespace
}  // namespace xdemux::test::ops_listeners_test
