// SPDX-License-Identifier: BSD-2-Clause
#include "table.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <sstream>

namespace xdemux::test {
namespace {

using namespace contract;

constexpr std::uint32_t line_count = 3;

std::uint32_t crowd_of(Where where) {
    switch (where) {
        case Where::home:
            return 2;
        case Where::near:
            return FLOW_SLOTS;
        case Where::far:
            break;
    }
    return FLOW_LINE_PLACES;
}

/// As the table says how many far lines there are: 0, 1, 2, 4, ... by a code.
std::uint32_t far_code(std::uint32_t far) {
    std::uint32_t code = 0;
    while ((code == 0 ? 0U : 1U << (code - 1)) < far)
        ++code;
    return code;
}

}  // namespace

std::string name_of(Where where) {
    switch (where) {
        case Where::home:
            return "home";
        case Where::near:
            return "near";
        case Where::far:
            break;
    }
    return "far";
}

// The first one is what all others are found for.
Table::Table(family family, Where where) : world_(family, line_count) {
    constexpr std::uint16_t port = 7;
    const flow_key first = world_.key(1, port);
    const std::uint64_t home = world_.home(first);
    std::uint32_t address = 2;
    while (world_.home(world_.key(address, port)) != home)
        ++address;
    mixture_ = world_.key(address, port);
    std::uint16_t other_port = port + 1;
    while (world_.home(world_.key(address, other_port)) != home)
        ++other_port;
    first_ = make(first);
    second_ = make(world_.key(address, other_port));
    changed_ = changed_otherwise_ = first_;
    changed_.facts.target = TARGET_REJECT;
    changed_otherwise_.facts.state = FLOW_TIME_WAIT;
    const auto line = static_cast<std::uint32_t>(home >> 32U);
    const auto word = static_cast<std::uint32_t>(home >> 8U & 0xff);
    for (std::uint32_t number = 1'000'000; crowd_.size() < crowd_of(where); ++number) {
        const flow_key key = world_.key(number);
        // Of the same line and word, so that it fills up, and another tag.
        if (world_.home(key) >> 8U == home >> 8U && world_.home(key) != home) crowd_.push_back(make(key));
    }
    neighbour_ = make_at(flow_far_line(&world_.seeds(), line, 1, line_count), 0);
    sister_ = make_at(line, (word + 1) % FLOW_WORDS);
    path_use({world_.lines().data(), line_count, world_.lines().data() + line_count}, &world_.seeds());
    for (const Flow& flow : crowd_)
        (void)insert(flow);
}

/// Facts of its own.
Flow Table::make(const flow_key& key) {
    ++made_;
    FlowFacts facts;
    facts.target = made_ % 2 == 0 ? TARGET_DROP : TARGET_PASS;
    facts.state = made_ % 3 == 0 ? FLOW_LEASED : FLOW_ESTABLISHED;
    facts.owner = 1000 + made_;
    facts.touched_ns = std::uint64_t{PATH_NOW} << FLOW_SEEN_SHIFT;
    return {key, facts};
}

Flow Table::make_at(std::uint32_t line, std::uint32_t word) {
    std::uint32_t number = 50'000'000;
    while (world_.home(world_.key(number)) >> 8U != (std::uint64_t{line} << 24U | word))
        ++number;
    return make(world_.key(number));
}

FlowStore::Writer Table::writer_of(std::uint32_t id) const {
    return {store(), id, [](std::uint32_t other) { return other == dead_writer || other == dead_writer_too; }};
}

flow_state Table::state_in(std::uint32_t place) const {
    const bool ipv6 = first_.key.family == FAMILY_IPV6;
    const std::size_t entry = lines().size_bytes() + place * (ipv6 ? sizeof(flow_ipv6) : sizeof(flow_ipv4));
    __u16 use = 0;
    std::memcpy(&use, &memory()[entry + (ipv6 ? offsetof(flow_ipv6, use) : offsetof(flow_ipv4, use))], sizeof(use));
    return static_cast<flow_state>(use >> FLOW_STATE_SHIFT);
}

FlowStore::Inserted Table::insert(const Flow& flow, std::uint32_t id) const {
    return writer_of(id).insert(flow.key, flow.facts, std::chrono::milliseconds(0));
}

FlowStore::Erased Table::erase(const Flow& flow, std::uint32_t id) const {
    return writer_of(id).erase(flow.key, {}, nullptr, std::chrono::milliseconds(0));
}

FlowStore::Inserted Table::insert_by_path(const Flow& flow) const {
    const auto use = static_cast<__u32>(flow.facts.state << FLOW_STATE_SHIFT | flow.facts.target);
    switch (path_insert(&flow.key, use)) {
        case PATH_INSERTED:
            return FlowStore::Inserted::done;
        case PATH_PRESENT:
            return FlowStore::Inserted::present;
        case PATH_BUSY:
            return FlowStore::Inserted::busy;
        case PATH_NO_ROOM:
            break;
    }
    return FlowStore::Inserted::full;
}

/// Counted from what stands in the places, the layout's rule written out.
std::uint32_t Table::elsewhere_of(std::uint32_t line) const {
    std::uint32_t bits = 0, far_code_of_all = 0;
    for (std::uint32_t place = 0; place < store().places(); ++place) {
        const auto found = store().at(place);
        if (!found) continue;
        const std::uint64_t home = world_.home(found->key);
        const std::uint32_t lives_in = place / FLOW_LINE_PLACES, word = place / FLOW_SLOTS % FLOW_WORDS;
        if (home >> 32U != line || (lives_in == line && (home >> 8U & 0xff) == word)) continue;
        bits |= flow_elsewhere_bit(world_.hash(found->key));
        std::uint32_t far = 0;
        while (far < line_count &&
               lives_in != (far == 0 ? line : flow_far_line(&world_.seeds(), line, far, line_count)))
            ++far;
        far_code_of_all = std::max(far_code_of_all, far_code(far));
    }
    return bits | far_code_of_all << FLOW_FAR_SHIFT;
}

bool has_facts_of(const FlowStore::Found& found, const Flow& flow) {
    FlowFacts facts = found.facts;
    if (facts.owner == 0) facts.owner = flow.facts.owner;
    return facts == flow.facts;
}

std::string Table::trouble_of_look_up(const Flow& flow) const {
    const auto found = store().find(flow.key);
    if (!found) return "the library does not find it";
    if (!has_facts_of(*found, flow)) return "the library finds it with other facts";
    __u32 use = 0;
    if (path_find(&flow.key, &use) != PATH_FOUND) return "the data path does not find it";
    if (use != static_cast<__u32>(flow.facts.state << FLOW_STATE_SHIFT | flow.facts.target))
        return "the data path finds it with another use";
    return "";
}

std::string Table::trouble(const std::vector<const Flow*>& flows) const {
    std::ostringstream text;
    std::vector<const Flow*> all = flows;
    for (const Flow& flow : crowd_)
        all.push_back(&flow);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::string trouble = trouble_of_look_up(*all[i]);
        if (!trouble.empty()) text << "flow " << i << ": " << trouble << "; ";
    }
    std::size_t places = 0;
    for (std::uint32_t place = 0; place < store().places(); ++place)
        places += store().at(place) ? 1 : 0;
    if (places != all.size()) text << places << " places are taken by " << all.size() << " flows; ";
    if (store().size() != all.size()) text << store().size() << " tags stand for " << all.size() << " flows; ";
    for (std::uint32_t line = 0; line < line_count; ++line) {
        if (world_.lines()[line].writer != 0) text << "line " << line << " has a writer; ";
        if (world_.lines()[line].elsewhere != elsewhere_of(line)) text << "elsewhere of line " << line << " is wrong; ";
    }
    return text.str();
}

}  // namespace xdemux::test
