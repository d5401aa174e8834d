// SPDX-License-Identifier: BSD-2-Clause
// The flow table of an instance: counters that an entry has no room for, and who writes after a fork.
#include <cstdint>
#include <optional>
#include <set>

#include <bpf/bpf.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/kernel/flow_writers.h>
#include <xdemux/ops/tables.h>

#include "support/former_contract.h"
#include "support/instance_fixture.h"

namespace xdemux::test::kernel_flow_table_test {
namespace {

using namespace contract;

class KernelFlowTable : public InstanceTest {
  protected:
    static flow_key key() {
        flow_key key{};
        key.local_addr[0] = 192;
        key.remote_addr[0] = 198;
        key.local_port = 443;
        key.remote_port = 50'000;
        return key;
    }
    [[nodiscard]] std::size_t carries() const {
        const auto map = Map<flow_carry_key, flow_carry>::open(
            MapHandle::adopt(pins_.open("flow_carries").value(), "flow_carries").value());
        std::size_t count = 0;
        EXPECT_TRUE(map.value().for_each([&](const flow_carry_key&, const flow_carry&) { return ++count > 0; }));
        return count;
    }
};

TEST_F(KernelFlowTable, keeps_counters_of_any_size_and_forgets_them_with_the_flow) {
    make();
    const auto instance = Instance::open(name_).value();
    const FlowTable& flows = instance.tables().flows;
    FlowFacts small, large;
    small.packets = small.bytes = 7;
    large.packets = std::uint64_t{1} << 33U;
    large.bytes = std::uint64_t{1} << 45U;
    for (const FlowFacts& facts : {large, small, large}) {
        ASSERT_EQ(flows.claim(key(), facts), FlowTable::Claim::inserted);
        EXPECT_EQ(carries(), facts.packets == 7 ? 0U : 1U);
        const auto found = flows.find(key()).value();
        ASSERT_TRUE(found);
        EXPECT_EQ(found->packets, facts.packets);
        EXPECT_EQ(found->bytes, facts.bytes);
        FlowFacts erased;
        ASSERT_EQ(flows.erase(key(), {}, &erased), true);
        EXPECT_EQ(erased.packets, facts.packets);
        EXPECT_EQ(erased.bytes, facts.bytes);
        EXPECT_EQ(carries(), 0U);
    }
}

struct Meeting {
    flow_state former, present, both;
    std::uint64_t packets;  ///< of the second entry
};

TEST_F(KernelFlowTable, merges_two_entries_of_a_flow_into_what_became_of_it) {
    make();
    const auto instance = Instance::open(name_).value();
    const FlowMemory memory(pins_, FAMILY_IPV4);
    const FlowStore::Writer writer(memory.store(), 1, [](std::uint32_t) { return true; });
    flow_key moving = key();
    while (!memory.moves(moving))
        ++moving.remote_port;
    for (const auto& [former, present, both, packets] : {Meeting{FLOW_IN_USE, FLOW_LEASED, FLOW_IN_USE, 0},
                                                         Meeting{FLOW_STICKY_ENDED, FLOW_STICKY, FLOW_STICKY_ENDED, 0},
                                                         Meeting{FLOW_TIME_WAIT, FLOW_IN_USE, FLOW_TIME_WAIT, 2},
                                                         Meeting{FLOW_QUARANTINE, FLOW_IN_USE, FLOW_QUARANTINE, 2},
                                                         Meeting{FLOW_IN_USE, FLOW_TIME_WAIT, FLOW_TIME_WAIT, 2},
                                                         Meeting{FLOW_STICKY_ENDED, FLOW_STICKY, FLOW_STICKY, 2}}) {
        const std::uint64_t early = std::uint64_t{5} << FLOW_SEEN_SHIFT, late = std::uint64_t{9} << FLOW_SEEN_SHIFT;
        ASSERT_EQ(writer.insert(moving, {TARGET_DROP, former, 3, 10, 600, packets == 0 ? late : early}),
                  FlowStore::Inserted::done);
        memory.age();
        ASSERT_EQ(memory.under_tag(1), 1U);
        EXPECT_FALSE(memory.store().find(moving));
        ASSERT_EQ(writer.insert(moving, {TARGET_DROP, present, 3, packets, 60 * packets, packets == 0 ? early : late}),
                  FlowStore::Inserted::done);
        for (std::uint32_t place = 0; place < memory.store().places(); ++place) {
            if (memory.store().tag_at(place) == 0) continue;
            const bool is_first = memory.store().tag_at(place) == 1;
            EXPECT_EQ(writer.merge(place), is_first ? FlowStore::Merged::done : FlowStore::Merged::alone);
        }
        EXPECT_EQ(memory.store().size(), 1U);
        const auto found = memory.store().find(moving);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->facts, (FlowFacts{TARGET_DROP, both, 3, 10 + packets, 600 + 60 * packets, late}));
        ASSERT_EQ(writer.erase(moving), FlowStore::Erased::done);
    }
}

/// Runs `work` in a child made by the bare system call, so that nothing of the C library hears of it.
template <typename Work>
std::uint32_t in_bare_child(const Work& work) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (child == 0) {
        const std::uint32_t result = work();
        ::_exit(::write(ends[1], &result, sizeof result) == sizeof result ? 0 : 1);
    }
    std::uint32_t result = 0;
    EXPECT_EQ(::read(ends[0], &result, sizeof result), static_cast<ssize_t>(sizeof result));
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(ends[0]);
    ::close(ends[1]);
    return result;
}

TEST_F(KernelFlowTable, has_another_writer_in_a_child_however_it_was_forked) {
    make();
    auto map = MapHandle::adopt(pins_.open("flow_writers").value(), "flow_writers").value();
    FlowWriters writers(MappedArray<flow_writer>::open(std::move(map)).value(), "/run/xdemux/" + name_ + ".flows.lock");
    const std::uint32_t mine = writers.id().value();
    EXPECT_EQ(writers.id(), mine);
    EXPECT_FALSE(writers.ended(mine));
    std::set<std::uint32_t> ids{mine};
    for (int i = 0; i < 2; ++i) {
        const std::uint32_t childs = in_bare_child([&] {
            const std::uint32_t id = writers.id().value_or(0);
            // The parent lives, and so does the child.
            return writers.ended(mine) || writers.ended(id) || writers.id() != id ? 0 : id;
        });
        EXPECT_NE(childs, 0U);
        EXPECT_TRUE(ids.insert(childs).second) << "an id that was had before";
        EXPECT_TRUE(writers.ended(childs));
    }
    EXPECT_EQ(writers.id(), mine);
}

}  // namespace
}  // namespace xdemux::test::kernel_flow_table_test
