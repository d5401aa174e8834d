// SPDX-License-Identifier: BSD-2-Clause
// Each combination of settings is a program of its own, since what is off is not in it: each must load and act. And
// what the maps promise to other readers.
#include <set>

#include <xdemux/kernel/object.h>

#include "support/expectation.h"

namespace xdemux::test::settings_test {
namespace {

struct Combination {
    mode in_mode = MODE_MONITOR;
    verdict closed = VERDICT_PASS;
    bool host = false;
    bool confirm = false;
    bool shared = false;

    [[nodiscard]] contract::settings settings() const {
        contract::settings settings = in_mode == MODE_ENFORCE ? enforce(closed, host) : monitor(closed, host);
        settings.confirm_by_ns = confirm ? UINT64_MAX : 0;
        settings.fallback = {MODE_MONITOR, VERDICT_PASS, host ? 0U : 1U};
        settings.shared_counters = shared ? 1 : 0;
        return settings;
    }
    [[nodiscard]] Expected act(Expected expected) const {
        return in_mode == MODE_MONITOR ? expected.in_monitor_mode() : expected;
    }
    [[nodiscard]] Expected of_closed() const {
        switch (closed) {
            case VERDICT_DROP:
                return act(drops(REASON_CLOSED));
            case VERDICT_REJECT:
                return act(rejects(REASON_CLOSED));
            default:
                return passes(REASON_CLOSED);
        }
    }
};

std::vector<Combination> combinations() {
    std::vector<Combination> all;
    for (const auto in_mode : {MODE_MONITOR, MODE_ENFORCE})
        for (const auto closed : {VERDICT_PASS, VERDICT_DROP, VERDICT_REJECT})
            for (const bool host : {false, true})
                for (const bool confirm : {false, true})
                    for (const bool shared : {false, true})
                        all.push_back({in_mode, closed, host, confirm, shared});
    return all;
}

class Settings : public ProgTest, public ::testing::WithParamInterface<Combination> {};

TEST_P(Settings, LoadAndAct) {
    const Combination& c = GetParam();
    load(c.settings());
    program().add_wildcard({.proto = PROTO_TCP, .port = 81, .target = TARGET_REJECT, .id = 1}, FAMILY_DUAL);
    expect_all({
        {"closed, TCP over IPv4", tcp4(80).syn(), c.of_closed().at(PROTO_TCP, 80)},
        {"closed, UDP over IPv6", udp6(53).payload(5), c.of_closed().at(PROTO_UDP, 53)},
        {"a rejecting listener", tcp6(81).syn(), c.act(rejects(REASON_LISTENER_WILDCARD)).at(PROTO_TCP, 81).by(1)},
        {"malformed", ip4().set8(0, 0x44), c.act(drops(REASON_BAD_IPV4))},
        {"not this host's", tcp4(80, beyond_ipv4).syn(), passes(REASON_NOT_LOCAL)},
    });
}

std::string name_of(const ::testing::TestParamInfo<Combination>& info) {
    const Combination& c = info.param;
    static constexpr const char* closed[] = {"Pass", "Drop", "Reject"};
    return std::string(c.in_mode == MODE_ENFORCE ? "Enforce" : "Monitor") + closed[c.closed] + (c.host ? "Host" : "") +
           (c.confirm ? "Confirm" : "") + (c.shared ? "Shared" : "");
}

INSTANTIATE_TEST_SUITE_P(Each, Settings, ::testing::ValuesIn(combinations()), name_of);

class Maps : public ProgTest {
  protected:
    void SetUp() override { load(enforce()); }
};

/// A ring buffer has neither keys nor values; of maps of maps, devices, CPUs and sockets the kernel takes no types.
bool can_have_btf(std::uint32_t type) {
    switch (type) {
        case BPF_MAP_TYPE_RINGBUF:
        case BPF_MAP_TYPE_ARRAY_OF_MAPS:
        case BPF_MAP_TYPE_CPUMAP:
        case BPF_MAP_TYPE_DEVMAP_HASH:
        case BPF_MAP_TYPE_XSKMAP:
        case BPF_MAP_TYPE_SOCKMAP:
            return false;
        default:
            return true;
    }
}

TEST_F(Maps, AllHaveBtfForBpftoolsFieldNames) {
    for (const auto& [name, info] : program().maps()) {
        SCOPED_TRACE(name);
        if (!can_have_btf(info.type)) continue;
        EXPECT_NE(info.btf_id, 0U);
        EXPECT_NE(info.btf_value_type_id, 0U);
        // A section's only key is zero.
        if (name.front() != '.') {
            EXPECT_NE(info.btf_key_type_id, 0U);
        }
    }
}

TEST_F(Maps, AreAllTablesOfTheInstanceButThePrograms) {
    // What is not in the list is not pinned, and a change of settings loses what is in it.
    std::set<std::string> tables = {"settings", "flow_clock", "destinations"};
    for (const std::string& name : table_names())
        tables.insert(name);
    std::set<std::string> maps;
    for (const auto& [name, info] : program().maps())
        maps.insert(name.front() == '.' ? name.substr(name.find('.', 1) + 1) : name);
    EXPECT_EQ(maps, tables);
}

TEST_F(Maps, HaveTheSizesOfTheContract) {
    const std::map<std::string, std::pair<std::size_t, std::size_t>> sizes{
        {"port_slots", {4, sizeof(port_slot)}},
        {"listeners", {4, sizeof(contract::listener)}},
        {"journal", {4, sizeof(contract::journal)}},
        {"listen_addrs", {sizeof(listen_addr), sizeof(listen_entry)}},
        {"listen_prefixes", {sizeof(listen_prefix), sizeof(listen_entry)}},
        {"destinations", {4, sizeof(contract::destination)}},
        {"guards", {4, sizeof(contract::guard)}},
        {"guard_sources", {sizeof(contract::guard_source), sizeof(contract::guard_admits)}},
        {"guard_verdicts", {4, sizeof(contract::guard_verdict)}},
        {"guard_rates", {sizeof(contract::guard_client), sizeof(contract::guard_rate)}},
        {"targets", {4, sizeof(contract::target)}},
        {"listener_targets", {4, sizeof(contract::listener_target)}},
        {"target_counts", {4, sizeof(contract::target_count)}},
        {"group_members", {sizeof(contract::group_member), sizeof(contract::group_weight)}},
        {"xsk_queues", {sizeof(contract::xsk_queue), sizeof(contract::xsk_place)}},
        {"blocks", {sizeof(contract::block_source), sizeof(contract::block)}},
        {"scanners", {4, sizeof(contract::scanner)}},
        {"scan_budgets", {4, sizeof(contract::scan_budget)}},
        {"watch_limits", {4, sizeof(contract::watch_limit)}},
        {".data.blocking", {4, sizeof(contract::blocking)}},
        {".data.watch", {4, sizeof(contract::watch)}},
        {"flow_lines4", {4, sizeof(contract::flow_line)}},
        {"flow_lines6", {4, sizeof(contract::flow_line)}},
        {"flows4", {4, sizeof(contract::flow_ipv4)}},
        {"flows6", {4, sizeof(contract::flow_ipv6)}},
        {"flow_carries", {sizeof(contract::flow_carry_key), sizeof(contract::flow_carry)}},
        {"flow_writers", {4, sizeof(contract::flow_writer)}},
        {"local_routes", {sizeof(local_route), sizeof(local_entry)}},
        {"fragments", {sizeof(fragment_key), sizeof(contract::fragment)}},
        {"port_counters", {4, sizeof(traffic)}},
        {"port_drops", {4, sizeof(traffic)}},
        {"listener_counts", {4, sizeof(traffic)}},
        {"reason_counters", {4, sizeof(reason_counter)}},
        {"reject_limits", {4, sizeof(contract::reject_limit)}},
        {"forwarding", {4, sizeof(contract::forwarding)}},
        {".data.local_hot", {4, sizeof(local_hot)}},
        {".rodata.settings", {4, sizeof(contract::settings)}},
    };
    std::set<std::string> seen;
    for (const auto& [name, info] : program().maps()) {
        SCOPED_TRACE(name);
        seen.insert(name);
        const auto expected = sizes.find(name);
        if (expected == sizes.end()) continue;
        EXPECT_EQ(info.key_size, expected->second.first);
        EXPECT_EQ(info.value_size, expected->second.second);
    }
    for (const auto& row : sizes)
        EXPECT_TRUE(seen.contains(row.first)) << row.first << " is missing";
}

TEST_F(Maps, OfThePortsHoldBothProtocols) {
    for (const auto& [name, info] : program().maps())
        if (name == "port_slots" || name == "port_counters" || name == "port_drops") {
            EXPECT_EQ(info.max_entries, PORT_INDEXES);
        }
}

}  // namespace
}  // namespace xdemux::test::settings_test
