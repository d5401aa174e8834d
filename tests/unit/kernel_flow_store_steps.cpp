// SPDX-License-Identifier: BSD-2-Clause
// A writer that is stopped after each of its instructions: what it leaves then is what look-ups meanwhile, and those
// who come after it was killed there, have to live with.
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/kernel/flow_store.h>

#include "support/flow_world.h"
#include "support/stepping.h"

namespace xdemux::test::kernel_flow_store_steps {
namespace {

using namespace contract;
using test::FlowWorld;

constexpr std::uint32_t victim = 5, heir = 6;
constexpr std::uint32_t lines = 3;

FlowStore::Writer writer(const FlowWorld& world, std::uint32_t id = heir) {
    return {world.store(), id, [](std::uint32_t other) { return other == victim; }};
}

struct Case {
    contract::family family;
    bool insert;
    std::uint32_t crowd;  // flows of the key's own line: 0, its word full, its line full
};

/// A key with the line, word and tag of key(0): one of a million has them, so each family's is looked for once.
flow_key twin_of_first(const FlowWorld& world, contract::family family) {
    static std::map<contract::family, flow_key> known;
    if (const auto found = known.find(family); found != known.end()) return found->second;
    const std::uint64_t home = world.home(world.key(0));
    std::uint32_t number = 20'000'000;  // far from those that fill a line
    while (world.home(world.key(number)) != home)
        ++number;
    return known[family] = world.key(number);
}

class FlowStoreSteps : public ::testing::TestWithParam<Case> {
  protected:
    FlowStoreSteps() : world_(GetParam().family, lines), copy_(GetParam().family, lines) {
        // Of one line and one word, as many as are wanted.
        const std::uint64_t home = world_.home(world_.key(0)) >> 8U;
        for (std::uint32_t number = 1; flows_.size() < GetParam().crowd; ++number) {
            if (world_.home(world_.key(number)) >> 8U == home) flows_.push_back(world_.key(number));
        }
        for (const auto& flow : flows_)
            EXPECT_EQ(writer(world_).insert(flow, {}), FlowStore::Inserted::done);
        if (GetParam().insert) {
            EXPECT_EQ(writer(world_).insert(former_, {}), FlowStore::Inserted::done);
            EXPECT_EQ(writer(world_).erase(former_), FlowStore::Erased::done);
        } else {
            EXPECT_EQ(writer(world_).insert(key_, wanted_), FlowStore::Inserted::done);
        }
    }

    /// Those that nobody touches are there, the erased one is not, and the other is wholly there or not at all.
    void check_look_ups(const FlowWorld& world) {
        for (const auto& flow : flows_)
            EXPECT_TRUE(world.store().find(flow));
        EXPECT_FALSE(world.store().find(former_)) << "it was erased before";
        const auto found = world.store().find(key_);
        if (found) {
            EXPECT_EQ(found->facts, wanted_);
        }
        std::size_t walked = 0;
        for (std::uint32_t place = 0; place < world.store().places(); ++place) {
            const auto at = world.store().at(place);
            if (!at) continue;
            ++walked;
            EXPECT_TRUE(world.store().find(at->key)) << "it takes a place and is not found";
        }
        EXPECT_EQ(walked, flows_.size() + (found ? 1 : 0));
        seen_.insert(found.has_value());
    }

    /// On a copy: as if the writer had been killed now.
    void check_heirs() {
        std::memcpy(copy_.memory().data(), world_.memory().data(), world_.memory().size());
        const bool there = copy_.store().find(key_).has_value();
        EXPECT_EQ(writer(copy_).insert(key_, wanted_),
                  there ? FlowStore::Inserted::present : FlowStore::Inserted::done);
        check_look_ups(copy_);
        EXPECT_EQ(writer(copy_).erase(key_), FlowStore::Erased::done);
        EXPECT_FALSE(copy_.store().find(key_)) << "it was there twice";
        for (const auto& flow : flows_)
            EXPECT_EQ(writer(copy_).erase(flow), FlowStore::Erased::done);
        EXPECT_EQ(copy_.store().size(), 0U);
        EXPECT_EQ(copy_.lines()[world_.home(key_) >> 32U].elsewhere, 0U);
        EXPECT_EQ(copy_.lines()[world_.home(key_) >> 32U].writer, 0U);
    }

    FlowWorld world_;
    FlowWorld copy_;
    std::vector<flow_key> flows_;
    flow_key key_ = world_.key(0);
    flow_key former_ = twin_of_first(world_, GetParam().family);  // was in the next free place before
    FlowFacts wanted_{TARGET_DROP, FLOW_LEASED, 9, 0, 0, std::uint64_t{3} << FLOW_SEEN_SHIFT};
    std::set<bool> seen_;
};

TEST_P(FlowStoreSteps, whatever_it_leaves_is_a_table) {
    int steps = 0;
    const auto work = [&] {
        if (GetParam().insert) {
            writer(world_, victim).insert(key_, wanted_);
        } else {
            writer(world_, victim).erase(key_);
        }
    };
    const std::span memory(static_cast<const std::byte*>(world_.memory().data()), world_.memory().size());
    test::step_through({memory}, work, [&] {
        SCOPED_TRACE(++steps);
        check_look_ups(world_);
        check_heirs();
    });
    EXPECT_GE(steps, 3);
    EXPECT_EQ(seen_, (std::set<bool>{false, true})) << "it should have come or gone meanwhile";
    EXPECT_EQ(world_.store().find(key_).has_value(), GetParam().insert);
    for (const auto& line : world_.lines())
        EXPECT_EQ(line.writer, 0U);
}

std::string name_of(const ::testing::TestParamInfo<Case>& each) {
    const char* where = each.param.crowd == 0 ? "_at_home" : each.param.crowd < FLOW_LINE_PLACES ? "_near" : "_far";
    return std::string(each.param.family == FAMILY_IPV6 ? "ipv6" : "ipv4") +
           (each.param.insert ? "_insert" : "_erase") + where;
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        for (const bool insert : {true, false})
            for (const std::uint32_t crowd : {0U, 8U, 56U})
                all.push_back({family, insert, crowd});
    return all;
}

INSTANTIATE_TEST_SUITE_P(all, FlowStoreSteps, ::testing::ValuesIn(cases()), name_of);

}  // namespace
}  // namespace xdemux::test::kernel_flow_store_steps
