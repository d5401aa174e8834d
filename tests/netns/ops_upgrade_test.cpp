// SPDX-License-Identifier: BSD-2-Clause
// An instance under a newer tool: programs are replaced under traffic, all or none; tables of contract 4 and 5 become
// ours, and whenever it is killed, each packet's program finds its flows and the next upgrade finishes.
#include <csignal>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/link.h>
#include <xdemux/ops/explain.h>
#include <xdemux/ops/locals.h>
#include <xdemux/ops/settings.h>
#include <xdemux/ops/snapshot.h>
#include <xdemux/ops/upgrade.h>

#include "support/former_contract.h"
#include "support/instance_fixture.h"
#include "support/socket_fixture.h"
#include "support/traffic.h"

namespace xdemux::test::ops_upgrade_test {
namespace {

using namespace contract;
using ::testing::HasSubstr;

constexpr std::uint32_t former = 4;
constexpr std::uint32_t mark = 0x8000'0000 | CONTRACT_VERSION << 12U | former;

class OpsUpgrade : public InstanceTest {
  protected:
    void upgrade_here() const {
        const auto upgraded = upgrade(name_);
        ASSERT_TRUE(upgraded) << upgraded.error().message();
    }
    std::uint32_t pinned_program() const { return program_id(pins_.open("prog").value().get()).value(); }
};

TEST_F(OpsUpgrade, under_traffic_loses_neither_a_packet_nor_a_counter) {
    for (const auto mode : {AttachMode::native, AttachMode::generic}) {
        ASSERT_TRUE(attach(name_, on(near_device, mode)));
        Traffic traffic(peer());
        for (int i = 0; i < 4; ++i) {
            const auto before = traffic.received();
            ASSERT_TRUE(wait_until([&] { return traffic.received() > before + 100 || traffic.lost(); }));
            const std::uint32_t program = attached().at(0).prog_id;
            upgrade_here();
            EXPECT_NE(attached().at(0).prog_id, program);
            EXPECT_EQ(attached().at(0).prog_id, pinned_program());
        }
        traffic.stop();
        EXPECT_FALSE(traffic.lost());
        EXPECT_EQ(traffic.received(), traffic.sent());
        EXPECT_EQ(read_counter(Instance::open(name_).value(), Proto::udp, Traffic::port)->seen.packets, traffic.sent());
        ASSERT_TRUE(unload_instance(name_));
    }
}

TEST_F(OpsUpgrade, keeps_an_expired_confirmation_for_the_next_change) {
    make();
    {
        auto instance = Instance::open_for_change(name_).value();
        SettingsRequest request;
        request.change.mode = Mode::enforce;
        request.confirm = std::chrono::seconds(0);
        ASSERT_TRUE(change_settings(instance, request));
        ASSERT_TRUE(wait_until([&] { return pending_confirm(instance)->over(); }));
    }
    upgrade_here();
    EXPECT_EQ(settings_in_force(Instance::open(name_).value()), Settings{});
    EXPECT_EQ(settings_in_force(Instance::open_for_change(name_).value()), Settings{});
}

/// A link that takes no program of another expected attach type, as ours is.
void link_another_program(const PinDirectory& pins, const std::string& device) {
    const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS},
                             {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    const Fd program(::bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", pass, std::size(pass), nullptr));
    ASSERT_TRUE(program.valid());
    const Interface interface = interface_by_name(device).value();
    const auto link = create_xdp_link(program.get(), interface, AttachMode::generic);
    ASSERT_TRUE(link) << link.error().message();
    ASSERT_TRUE(pins.pin_link(link->get(), interface.ifindex));
}

TEST_F(OpsUpgrade, puts_the_first_interface_back_where_the_second_one_fails) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    const VethPair second("up0", "up1");
    link_another_program(pins_, "up0");
    const auto before = attached();
    ASSERT_EQ(before.size(), 2U);
    ASSERT_EQ(before[0].dev, near_device);
    const std::uint32_t program = pinned_program();
    EXPECT_THAT(failure(upgrade(name_), ErrorKind::failed),
                HasSubstr(fmt::format("interface {}: cannot replace the program", before[1].ifindex)));
    const auto after = attached();
    ASSERT_EQ(after.size(), 2U);
    EXPECT_EQ(after[0].prog_id, before[0].prog_id);
    EXPECT_EQ(after[1].prog_id, before[1].prog_id);
    EXPECT_EQ(pinned_program(), program);
    EXPECT_FALSE(pins_.has("prog_new"));
}

/// As contract 5 left it: no Ethernet address among the local destinations.
void pretend_contract_5(const std::string& name, const PinDirectory& pins) {
    {
        auto instance = Instance::open_for_change(name).value();
        ASSERT_TRUE(forget_links(instance.tables()));
    }
    pretend_contract(pins, 5);
}

/// Ethernet addresses that tables of ours and of others hold; the others' tool cannot open them.
std::size_t link_addresses(const PinDirectory& pins) {
    const auto tables = Tables::open(pins, pinned_settings(pins));
    std::size_t found = 0;
    EXPECT_TRUE(tables->local_routes.for_each([&](const local_route& key, const local_entry&) {
        found += key.family == FAMILY_LINK ? 1 : 0;
        return true;
    }));
    return found;
}

TEST_F(OpsUpgrade, of_contract_5_has_the_link_addresses_and_judges_closed_ports_as_before) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    pretend_contract_5(name_, pins_);
    ASSERT_EQ(link_addresses(pins_), 0U);
    UpgradeRequest dry;
    dry.dry_run = true;
    ASSERT_TRUE(upgrade(name_, dry));
    EXPECT_EQ(link_addresses(pins_), 0U);
    const auto report = upgrade(name_);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->from, 5U);
    EXPECT_EQ(report->to, CONTRACT_VERSION);
    EXPECT_EQ(link_addresses(pins_), 1U);
    ExplainRequest request;
    request.packet.source = SocketAddress::parse("192.0.2.2:40000", Proto::tcp).value();
    request.packet.destination = SocketAddress::parse("192.0.2.1:9", Proto::tcp).value();
    EXPECT_EQ(explain(Instance::open(name_).value(), request)->reason, REASON_CLOSED);
}

TEST_F(OpsUpgrade, of_contract_5_takes_the_link_addresses_back_where_it_fails) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    pretend_contract_5(name_, pins_);
    const VethPair second("up0", "up1");
    link_another_program(pins_, "up0");
    EXPECT_THAT(failure(upgrade(name_), ErrorKind::failed), HasSubstr("cannot replace the program"));
    EXPECT_EQ(pinned_settings(pins_).contract, 5U);
    EXPECT_EQ(link_addresses(pins_), 0U);
}

TEST_F(OpsUpgrade, of_contract_5_that_was_broken_off_has_the_link_addresses_too) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    pretend_contract_5(name_, pins_);
    pretend_contract(pins_, 0x8000'0000 | CONTRACT_VERSION << 12U | 5);
    const auto report = upgrade(name_);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(report->was_begun);
    EXPECT_EQ(link_addresses(pins_), 1U);
}

class OpsUpgradeSockets : public SocketTest {};

TEST_F(OpsUpgradeSockets, replaces_the_socket_look_up_and_keeps_its_link) {
    const Fd web = server(AF_INET, SOCK_STREAM);
    ASSERT_TRUE(add(to_socket("0.0.0.0:4080")));
    ASSERT_TRUE(enlist(web));
    ASSERT_EQ(found("127.0.0.1"), cookie_of(web));
    const auto before = programs();
    ASSERT_EQ(before.size(), 1U);
    ASSERT_TRUE(upgrade(name_));
    EXPECT_EQ(programs().size(), 1U);
    EXPECT_NE(programs(), before);
    EXPECT_EQ(found("127.0.0.1"), cookie_of(web));
}

/// As bytes, so that it can be a map's key.
std::string text_of(const flow_key& key) {
    return {reinterpret_cast<const char*>(&key), sizeof key};
}

/// The nth of many, none of which leads another one's packets.
flow_key key_of(contract::family family, std::uint32_t number) {
    const bool ipv6 = family == FAMILY_IPV6;
    const std::string remote =
        ipv6 ? fmt::format("2001:db8:f::{:x}:{:x}", number >> 16U, number & 0xffffU)
             : fmt::format("10.{}.{}.{}", number >> 16U & 0xffU, number >> 8U & 0xffU, number & 0xffU);
    const Address local = Address::parse(ipv6 ? "2001:db8::1" : "192.0.2.1").value();
    return encode(FlowKey{Proto::tcp, {local, 443}, {Address::parse(remote).value(), 50'000}});
}

/// Different for each in everything, and some with more packets than an entry has room for.
FlowFacts facts_of(std::uint32_t number) {
    constexpr flow_state states[] = {FLOW_ESTABLISHED, FLOW_IN_USE, FLOW_TIME_WAIT, FLOW_QUARANTINE, FLOW_STICKY};
    FlowFacts facts;
    facts.target = static_cast<std::uint16_t>(number % 2 == 0 ? TARGET_PASS : TARGET_DROP);
    facts.state = states[number % std::size(states)];
    facts.owner = number;
    facts.packets = number % 50 == 0 ? (std::uint64_t{1} << 33U) + number : number + 1;
    facts.bytes = facts.packets * 60;
    facts.touched_ns = std::uint64_t{number + 1} << FLOW_SEEN_SHIFT;
    return facts;
}

class OpsUpgradeFlows : public OpsUpgrade {
  protected:
    static constexpr std::uint32_t moving = 600;  ///< flows of each family that contract 4 has under tag 1

    /// An instance of contract 4 with as many flows under tag 1 as a table for 1,000 can have, and some others.
    void SetUp() override {
        InstanceOptions options;
        options.flows = 1000;
        auto instance = Instance::open_or_create(name_, options);
        ASSERT_TRUE(instance) << instance.error().message();
        ASSERT_TRUE(instance->keep());
        for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
            plant(*instance, family);
        age();
    }
    void plant(const Instance& instance, contract::family family) {
        const FlowMemory memory(pins_, family);
        for (std::uint32_t number = 1, moved = 0; moved < moving; ++number) {
            const FlowTable::Item item{key_of(family, number), facts_of(number)};
            const bool moves = memory.moves(item.key);
            if (!moves && number % 1000 != 0) continue;
            ASSERT_EQ(instance.tables().flows.claim(item.key, item.facts), FlowTable::Claim::inserted);
            planted_.emplace(text_of(item.key), item);
            moved += moves ? 1 : 0;
        }
    }
    void age() const {
        for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
            FlowMemory(pins_, family).age();
        pretend_contract(pins_, former);
    }
    [[nodiscard]] std::uint32_t under_tag_1() const {
        return FlowMemory(pins_, FAMILY_IPV4).under_tag(1) + FlowMemory(pins_, FAMILY_IPV6).under_tag(1);
    }
    [[nodiscard]] std::uint64_t entries() const {
        return FlowMemory(pins_, FAMILY_IPV4).store().size() + FlowMemory(pins_, FAMILY_IPV6).store().size();
    }
    /// Where look-ups of today find them.
    [[nodiscard]] std::size_t found_today() const {
        const FlowMemory ipv4(pins_, FAMILY_IPV4), ipv6(pins_, FAMILY_IPV6);
        std::size_t found = 0;
        for (const auto& [text, item] : planted_)
            found += (item.key.family == FAMILY_IPV6 ? ipv6 : ipv4).store().find(item.key) ? 1 : 0;
        return found;
    }
    /// Each once, with all that was known of it, and the data path finds it.
    void expect_flows() const;
    void expect_found_by_data_path(const Instance& instance) const;

    std::map<std::string, FlowTable::Item> planted_;
};

void OpsUpgradeFlows::expect_flows() const {
    const auto instance = Instance::open(name_);
    ASSERT_TRUE(instance) << instance.error().message();
    EXPECT_EQ(under_tag_1(), 0U);
    EXPECT_EQ(found_today(), planted_.size());
    std::size_t walked = 0;
    ASSERT_TRUE(instance->tables().flows.for_each([&](const FlowTable::Found& flow) {
        const auto planted = planted_.find(text_of(flow.key));
        EXPECT_NE(planted, planted_.end());
        if (planted == planted_.end()) return false;
        FlowFacts facts = flow.facts;
        facts.more = planted->second.facts.more;
        EXPECT_EQ(facts, planted->second.facts) << "flow " << planted->second.facts.owner;
        return ++walked > 0;
    }));
    EXPECT_EQ(walked, planted_.size());
    EXPECT_EQ(instance->tables().port_slots[443].flows, planted_.size());
    expect_found_by_data_path(*instance);
}

void OpsUpgradeFlows::expect_found_by_data_path(const Instance& instance) const {
    const auto tracer = Tracer::open(instance);
    ASSERT_TRUE(tracer) << tracer.error().message();
    for (const auto& [text, item] : planted_) {
        const FlowKey key = decode(item.key);
        PacketSpec packet{key.proto, key.remote, key.local};
        packet.tcp_flags = tcp_ack;
        const auto trace = tracer->run(build_packet(packet).value());
        ASSERT_TRUE(trace) << trace.error().message();
        EXPECT_EQ(trace->reason, REASON_FLOW) << key.to_string();
        EXPECT_EQ(trace->target, item.facts.target) << key.to_string();
    }
}

TEST_F(OpsUpgradeFlows, of_contract_4_are_found_as_ours_and_keep_what_is_known_of_them) {
    ASSERT_EQ(under_tag_1(), 2 * moving);
    EXPECT_LT(found_today(), planted_.size()) << "else there is nothing to do";
    const auto report = upgrade(name_);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->from, former);
    EXPECT_EQ(report->to, CONTRACT_VERSION);
    EXPECT_FALSE(report->was_begun);
    expect_flows();
    ASSERT_TRUE(upgrade(name_));
    expect_flows();
}

TEST_F(OpsUpgradeFlows, of_a_dry_run_stay_as_they_are) {
    UpgradeRequest request;
    request.dry_run = true;
    ASSERT_TRUE(upgrade(name_, request));
    EXPECT_EQ(pinned_settings(pins_).contract, former);
    EXPECT_EQ(under_tag_1(), 2 * moving);
    EXPECT_EQ(entries(), planted_.size());
}

// A copy is in the way of nothing, but what it knows is old once a tool of contract 4 has changed the flow.
TEST_F(OpsUpgradeFlows, are_copied_anew_after_one_that_was_broken_off) {
    {
        const auto instance = Instance::open_for_upgrade(name_).value();
        ASSERT_TRUE(instance.tables().flows.copy_from_tag_1());
        ASSERT_EQ(entries(), planted_.size() + 2 * moving);
    }
    const FlowMemory memory(pins_, FAMILY_IPV4);
    for (std::uint32_t place = 0; place < memory.store().places(); ++place) {
        if (memory.store().tag_at(place) != 1) continue;
        const auto found = memory.store().at(place);
        ASSERT_TRUE(memory.store().change(*found, TARGET_REJECT, found->facts.state));
        planted_.at(text_of(found->key)).facts.target = TARGET_REJECT;
    }
    upgrade_here();
    expect_flows();
}

TEST_F(OpsUpgradeFlows, stay_as_they_were_where_the_table_has_no_room) {
    {
        const auto instance = Instance::open_for_upgrade(name_).value();
        FlowFacts facts;
        for (std::uint32_t number = 1U << 20U;; ++number) {
            const FlowTable::Item item{key_of(FAMILY_IPV6, number), facts};
            const auto claimed = instance.tables().flows.claim(item.key, item.facts);
            if (!claimed) break;
            planted_.emplace(text_of(item.key), item);
        }
    }
    age();
    const std::uint32_t old = under_tag_1();
    const std::uint32_t program = pinned_program();
    EXPECT_THAT(failure(upgrade(name_), ErrorKind::full), HasSubstr("it is full"));
    EXPECT_EQ(under_tag_1(), old);
    EXPECT_EQ(entries(), planted_.size());
    EXPECT_EQ(pinned_program(), program);
    EXPECT_EQ(pinned_settings(pins_).contract, former);
}

/// A process that does `work` and then waits to be killed.
class Child {
  public:
    template <typename Work>
    explicit Child(const Work& work) : pid_(::fork()) {
        if (pid_ != 0) return;
        work();
        ::_exit(0);
    }
    Child(Child&&) = delete;
    ~Child() { kill(); }
    /// Whether it was still there.
    bool kill() {
        if (pid_ <= 0) return false;
        ::kill(pid_, SIGKILL);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFSIGNALED(status);
    }

  private:
    pid_t pid_;
};

TEST_F(OpsUpgradeFlows, wait_for_a_process_that_writes_as_the_former_version_does) {
    {
        Child writer([&] {
            const auto tables = Tables::open(pins_, pinned_settings(pins_));
            static_cast<void>(tables->flows.erase(key_of(FAMILY_IPV4, 0)));  // which is not there
            ::pause();
        });
        ASSERT_TRUE(wait_until([&] {
            return failure(upgrade(name_, {.dry_run = true}), ErrorKind::in_use).find("writes to the flow") !=
                   std::string::npos;
        }));
        EXPECT_THAT(failure(upgrade(name_), ErrorKind::in_use), HasSubstr("try again when it has ended"));
        EXPECT_EQ(entries(), planted_.size());
    }
    upgrade_here();
    expect_flows();
}

TEST_F(OpsUpgrade, of_contract_5_has_the_link_addresses_before_the_new_program_is_in_place) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    pretend_contract_5(name_, pins_);
    Child child([&] { static_cast<void>(upgrade(name_)); });
    ASSERT_TRUE(wait_until([&] { return pinned_settings(pins_).contract != 5; }));
    EXPECT_TRUE(child.kill()) << "it was done before it was killed";
    EXPECT_EQ(link_addresses(pins_), 1U);
    upgrade_here();
}

/// When to kill it.
struct Moment {
    const char* what;
    std::function<bool()> has_come;
};

TEST_F(OpsUpgradeFlows, are_found_whenever_it_is_killed_and_the_next_one_finishes) {
    const auto number = [&] { return pinned_settings(pins_).contract; };
    const std::uint64_t all = planted_.size();
    // While a program is loaded there is time to see what was done before.
    const std::vector<Moment> moments = {
        {"the second entries are there", [&] { return entries() > all; }},
        {"the new program is pinned", [&] { return pins_.has("prog_new") || number() == mark; }},
        {"the new program is in place", [&] { return number() == mark; }},
        {"the first entries are gone", [&] { return number() == mark && entries() == all; }},
    };
    for (const Moment& moment : moments) {
        SCOPED_TRACE(moment.what);
        Child child([&] { static_cast<void>(upgrade(name_)); });
        ASSERT_TRUE(wait_until([&] { return moment.has_come() || number() == CONTRACT_VERSION; }));
        EXPECT_TRUE(child.kill()) << "it was done before it was killed";
        if (number() == former) {
            EXPECT_EQ(under_tag_1(), 2 * moving);
        } else {
            EXPECT_EQ(found_today(), planted_.size());
        }
        EXPECT_FALSE(Instance::open(name_));
        const bool was_marked = number() == mark;
        const auto report = upgrade(name_);
        ASSERT_TRUE(report) << report.error().message();
        EXPECT_EQ(report->was_begun, was_marked);
        expect_flows();
        age();
    }
    upgrade_here();
}

TEST_F(OpsUpgradeFlows, are_finished_where_some_were_merged_before) {
    {
        const auto instance = Instance::open_for_upgrade(name_).value();
        ASSERT_TRUE(instance.tables().flows.copy_from_tag_1());
    }
    pretend_contract(pins_, mark);
    const FlowMemory memory(pins_, FAMILY_IPV4);
    const FlowStore::Writer writer(memory.store(), 1, [](std::uint32_t) { return true; });
    for (std::uint32_t place = 0, seen = 0; place < memory.store().places(); ++place) {
        const auto found = memory.store().at(place);
        if (memory.store().tag_at(place) != 1 || found->facts.more || ++seen % 2 == 0) continue;
        ASSERT_EQ(writer.merge(place), FlowStore::Merged::done);
    }
    const std::uint32_t left = under_tag_1();
    ASSERT_GT(left, moving);
    ASSERT_LT(left, 2 * moving);
    const auto report = upgrade(name_);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(report->was_begun);
    expect_flows();
}

}  // namespace
}  // namespace xdemux::test::ops_upgrade_test
