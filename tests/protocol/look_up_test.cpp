// SPDX-License-Identifier: BSD-2-Clause
// Look-ups beside a writer: whatever they see of its stores, and whenever they see it, their answer is right for some
// moment between their beginning and their end, and nothing is ever found that was not inserted. The library's
// look-up, its walk, and the data path's two.
#include <cstddef>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "data_path.h"
#include "history.h"
#include "table.h"

namespace xdemux::test::look_up_test {
namespace {

using namespace contract;

/// Who inserts; it is always the library that erases.
enum class By : std::uint8_t { library, data_path };

struct Case {
    contract::family family;
    Where where;
    By by;
};

/// Whether a flow is there: who has the tag of the one before in its place may find a whole entry whose own tag is yet
/// to come.
enum class There : std::uint8_t { no, perhaps, yes };

/// What it is from this store on.
struct Turn {
    std::size_t store;
    const Flow* flow;
    There there;
};

class LookUps : public ::testing::TestWithParam<Case> {
  protected:
    /// The first takes turns with the second in one place, and comes again.
    LookUps() : recorder_(table_.memory()) {
        const Watching watching(recorder_);
        insert(table_.first());
        erase(table_.first());
        insert(table_.second());
        erase(table_.second());
        insert(table_.first());
    }

    void insert(const Flow& flow) {
        const std::size_t from = recorder_.stores().size();
        EXPECT_EQ(GetParam().by == By::library ? table_.insert(flow) : table_.insert_by_path(flow),
                  FlowStore::Inserted::done);
        const std::size_t tag = tag_since(from);
        std::size_t whole = tag;
        while (recorder_.stores()[whole].size != sizeof(std::uint64_t))
            --whole;
        turns_.push_back({whole, &flow, There::perhaps});
        turns_.push_back({tag, &flow, There::yes});
    }
    void erase(const Flow& flow) {
        const std::size_t from = recorder_.stores().size();
        EXPECT_EQ(table_.erase(flow), FlowStore::Erased::done);
        turns_.push_back({tag_since(from), &flow, There::no});
    }
    /// The only byte that was written since.
    [[nodiscard]] std::size_t tag_since(std::size_t store) const {
        while (recorder_.stores().at(store).size != 1)
            ++store;
        return store;
    }

    /// Whether it may have been there, or not, at some moment that a look-up saw.
    struct Moments {
        bool there = false, absent = false;

        void add(There state) {
            there = there || state != There::no;
            absent = absent || state != There::yes;
        }
    };
    [[nodiscard]] Moments moments(const flow_key& key, std::size_t from, const StoreSet& seen) const {
        There there = There::no;
        for (const Flow& flow : table_.crowd())
            if (&flow.key == &key) there = There::yes;
        Moments all;
        for (const Turn& turn : turns_) {
            if (turn.store >= from) all.add(there);
            if (seen[turn.store] && &turn.flow->key == &key) there = turn.there;
        }
        all.add(there);
        return all;
    }

    void check(bool right, const std::string& what, std::size_t from) const {
        if (!right) throw std::runtime_error(what + ", from store " + std::to_string(from) + " on");
    }
    void judge(const Explorer& explorer, const flow_key& key, std::size_t from, bool found) const {
        const Moments at = moments(key, from, explorer.seen());
        check(!found || at.there, "found, and was not there", from);
        check(found || at.absent, "not found, and was there all the time", from);
    }

    [[nodiscard]] const Flow* flow_of(const flow_key& key) const {
        std::vector<const Flow*> flows = {&table_.first(), &table_.second()};
        for (const Flow& flow : table_.crowd())
            flows.push_back(&flow);
        for (const Flow* flow : flows)
            if (std::memcmp(&flow->key, &key, sizeof key) == 0) return flow;
        return nullptr;
    }
    void check_facts(const FlowStore::Found& found, std::size_t from) const {
        const Flow* flow = flow_of(found.key);
        check(flow != nullptr, "found what nobody inserted", from);
        check(has_facts_of(found, *flow), "found with facts of another", from);
    }
    void check_use(const flow_key& key, std::uint32_t use, std::size_t from) const {
        const Flow* flow = flow_of(key);
        check(flow != nullptr, "found what nobody inserted", from);
        check(use == static_cast<std::uint32_t>(flow->facts.state << FLOW_STATE_SHIFT | flow->facts.target),
              "found with a use of another", from);
    }

    using Look = std::function<void(const Explorer& explorer, const flow_key& key, std::size_t from)>;
    /// Every key from every moment on. How many look-ups.
    std::uint64_t explore(const Look& look) {
        std::vector<const flow_key*> keys = {&table_.first().key, &table_.second().key, &table_.mixture()};
        for (const Flow& flow : table_.crowd())
            keys.push_back(&flow.key);
        std::uint64_t looks = 0;
        Explorer explorer(recorder_);
        for (std::size_t from = 0; from <= recorder_.stores().size(); ++from)
            for (const flow_key* key : keys)
                looks += explorer.explore(from, [&] { look(explorer, *key, from); });
        return looks;
    }
    void expect_right(const Look& look) {
        try {
            RecordProperty("look_ups", std::to_string(explore(look)));
        } catch (const std::runtime_error& error) {
            ADD_FAILURE() << error.what();
        }
    }

    Table table_{GetParam().family, GetParam().where};
    Recorder recorder_;
    std::vector<Turn> turns_;
};

TEST_P(LookUps, of_the_library_are_right) {
    expect_right([&](const Explorer& explorer, const flow_key& key, std::size_t from) {
        const auto found = table_.store().find(key);
        judge(explorer, key, from, found.has_value());
        if (found) check_facts(*found, from);
    });
}

TEST_P(LookUps, of_the_data_path_are_right) {
    expect_right([&](const Explorer& explorer, const flow_key& key, std::size_t from) {
        __u32 use = 0;
        const bool found = path_find(&key, &use) == PATH_FOUND;
        judge(explorer, key, from, found);
        if (found) check_use(key, use, from);
    });
}

TEST_P(LookUps, of_the_fast_lane_are_right_or_unsure) {
    expect_right([&](const Explorer& explorer, const flow_key& key, std::size_t from) {
        __u32 use = 0;
        const path_answer answer = path_find_in_fast_lane(&key, &use);
        if (answer == PATH_UNSURE) return;
        judge(explorer, key, from, answer == PATH_FOUND);
        if (answer == PATH_FOUND) check_use(key, use, from);
    });
}

/// Of the place where flows come and go.
TEST_P(LookUps, of_a_walk_show_whole_flows) {
    const auto stays = table_.store().find(table_.first().key);
    ASSERT_TRUE(stays);
    Explorer explorer(recorder_);
    try {
        for (std::size_t from = 0; from <= recorder_.stores().size(); ++from)
            explorer.explore(from, [&] {
                const auto found = table_.store().at(stays->place);
                if (!found) return;
                check_facts(*found, from);
                judge(explorer, flow_of(found->key)->key, from, true);
            });
    } catch (const std::runtime_error& error) {
        ADD_FAILURE() << error.what();
    }
}

/// So that the next writer does not miss what this one did.
TEST_P(LookUps, see_a_line_given_back_after_all_that_was_done_to_it) {
    std::size_t given_back = 0;
    for (std::size_t i = 0; i < recorder_.stores().size(); ++i) {
        const Store& store = recorder_.stores()[i];
        const bool is_writer = store.offset < table_.lines().size_bytes() &&
                               store.offset % sizeof(flow_line) == offsetof(flow_line, writer);
        if (!is_writer || store.value != 0) continue;
        ++given_back;
        EXPECT_EQ(store.before.count(), i) << "of the stores before it";
    }
    EXPECT_GE(given_back, 5U);
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const auto family : {FAMILY_IPV4, FAMILY_IPV6})
        for (const Where where : {Where::home, Where::near, Where::far})
            for (const By by : {By::library, By::data_path})
                // The data path inserts into a flow's own line alone.
                if (by == By::library || where != Where::far) all.push_back({family, where, by});
    return all;
}

std::string case_name(const ::testing::TestParamInfo<Case>& each) {
    const Case& c = each.param;
    return std::string(c.family == FAMILY_IPV6 ? "ipv6_" : "ipv4_") + name_of(c.where) +
           (c.by == By::library ? "_by_library" : "_by_data_path");
}

INSTANTIATE_TEST_SUITE_P(all, LookUps, ::testing::ValuesIn(cases()), case_name);

}  // namespace
}  // namespace xdemux::test::look_up_test
