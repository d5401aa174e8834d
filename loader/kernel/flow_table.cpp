// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <sys/random.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/flow_table.h>

namespace xdemux {
namespace {

using namespace contract;

using LineArray = MappedArray<flow_line>;
constexpr std::uint64_t packets_kept = (std::uint64_t{1} << (FLOW_MORE_SHIFT - 1U - FLOW_PACKETS_SHIFT)) - 1;
constexpr std::uint64_t bytes_kept = (std::uint64_t{1} << (FLOW_PACKETS_SHIFT - 1U)) - 1;

template <typename Entry>
FlowStore::Memory memory_of(const LineArray& lines, const MappedArray<Entry>& entries) {
    return {{&lines[0], lines.capacity()},
            {reinterpret_cast<std::uint64_t*>(&entries[0]), entries.capacity() * sizeof(Entry) / 8}};
}

flow_carry_key carry_key(const FlowStore::Found& found) {
    return {found.place, found.life, found.key.family};
}

void add(FlowFacts& facts, const flow_carry& carry) {
    facts.packets += carry.packets;
    facts.bytes += carry.bytes;
}

/// What `traffic` of an entry has room for.
FlowFacts kept(FlowFacts facts) {
    facts.more = facts.packets > packets_kept || facts.bytes > bytes_kept;
    facts.packets &= packets_kept;
    facts.bytes &= bytes_kept;
    return facts;
}

Status check_lines(const LineArray& lines, std::uint32_t entries, std::uint32_t expected) {
    if (lines.capacity() == expected && entries == expected * FLOW_LINE_PLACES) return {};
    return fail(ErrorKind::failed,
                fmt::format("table \"{}\" has {} lines and {} entries, the settings say {} lines; run xdemux unload",
                            lines.handle().name(), lines.capacity(), entries, expected));
}

}  // namespace

struct FlowTable::State {
    LineArray lines4;
    MappedArray<flow_ipv4> entries4;
    LineArray lines6;
    MappedArray<flow_ipv6> entries6;
    Map<flow_carry_key, flow_carry> carries;
    FlowWriters writers;
    flow_seeds seeds;
    std::uint32_t capacity;
    port_slot* port_slots;
    FlowStore ipv4{FAMILY_IPV4, seeds, memory_of(lines4, entries4)};
    FlowStore ipv6{FAMILY_IPV6, seeds, memory_of(lines6, entries6)};

    /// The slot tells the data path whether to look for flows at all, so it counts before the first is there and until
    /// after the last is gone. Of a writer that was killed in between, it counts one too many.
    [[nodiscard]] std::atomic_ref<std::uint32_t> flows_of(const flow_key& key) const {
        return std::atomic_ref(port_slots[std::size_t{key.proto} << 16U | key.local_port].flows);
    }
};

Result<FlowTable> FlowTable::open(Maps maps, const settings& settings, port_slot* port_slots,
                                  std::string writers_path) {
    auto lines4 = LineArray::open(std::move(maps.lines4));
    if (!lines4) return fail(std::move(lines4.error()));
    auto entries4 = MappedArray<flow_ipv4>::open(std::move(maps.entries4));
    if (!entries4) return fail(std::move(entries4.error()));
    auto lines6 = LineArray::open(std::move(maps.lines6));
    if (!lines6) return fail(std::move(lines6.error()));
    auto entries6 = MappedArray<flow_ipv6>::open(std::move(maps.entries6));
    if (!entries6) return fail(std::move(entries6.error()));
    auto carries = Map<flow_carry_key, flow_carry>::open(std::move(maps.carries));
    if (!carries) return fail(std::move(carries.error()));
    auto writers = MappedArray<flow_writer>::open(std::move(maps.writers));
    if (!writers) return fail(std::move(writers.error()));
    if (auto same = check_lines(*lines4, entries4->capacity(), settings.flow_lines); !same) return fail(same.error());
    if (auto same = check_lines(*lines6, entries6->capacity(), settings.flow_lines); !same) return fail(same.error());
    return FlowTable(std::shared_ptr<State>(new State{std::move(*lines4),
                                                      std::move(*entries4),
                                                      std::move(*lines6),
                                                      std::move(*entries6),
                                                      std::move(*carries),
                                                      {std::move(*writers), std::move(writers_path)},
                                                      settings.flow_seeds,
                                                      settings.flow_capacity,
                                                      port_slots}));
}

const FlowStore& FlowTable::store(std::uint8_t family) const {
    return family == FAMILY_IPV6 ? state_->ipv6 : state_->ipv4;
}

Result<FlowStore::Writer> FlowTable::writer(std::uint8_t family) const {
    const auto id = state_->writers.id();
    if (!id) return fail(id.error());
    return FlowStore::Writer(store(family), *id,
                             [state = state_.get()](std::uint32_t other) { return state->writers.ended(other); });
}

std::uint32_t FlowTable::capacity() const {
    return state_->capacity;
}

std::uint64_t FlowTable::size() const {
    return state_->ipv4.size() + state_->ipv6.size();
}

std::uint64_t FlowTable::places(family family) const {
    return store(family).places();
}

FlowStore::Count FlowTable::count(family family) const {
    return store(family).count();
}

Error FlowTable::hindered(const FlowStore::Writer& writer) const {
    return {ErrorKind::in_use, fmt::format("cannot change the flow table: {} has held a line of it for too long; try "
                                           "again when it has ended",
                                           state_->writers.describe(writer.obstacle()))};
}

Error FlowTable::full(std::uint8_t family) const {
    return {ErrorKind::full,
            fmt::format("the flow table was made for {} flows and has {} {} ones: it is full; delete flows, or unload "
                        "the instance and attach anew with more --flows",
                        capacity(), store(family).size(), family == FAMILY_IPV6 ? "IPv6" : "IPv4")};
}

Status FlowTable::add_carry(const FlowStore::Found& found, FlowFacts& facts) const {
    if (!found.facts.more) return {};
    const auto carry = state_->carries.find(carry_key(found));
    if (!carry) return fail(carry.error());
    if (*carry) add(facts, **carry);
    return {};
}

Status FlowTable::drop_carry(const FlowStore::Found& found) const {
    if (!found.facts.more) return {};
    const auto erased = state_->carries.erase(carry_key(found));
    return erased ? Status() : Status(fail(erased.error()));
}

Result<std::optional<FlowFacts>> FlowTable::find(const flow_key& key) const {
    const auto found = store(key.family).find(key);
    if (!found) return std::nullopt;
    FlowFacts facts = found->facts;
    if (auto added = add_carry(*found, facts); !added) return fail(added.error());
    return facts;
}

// Counters that a flow brings along may be larger than an entry has room for.
Status FlowTable::keep_carry(const flow_key& key, const FlowFacts& facts) const {
    const FlowFacts small = kept(facts);
    const auto found = store(key.family).find(key);
    if (!found) return {};
    return state_->carries.put(carry_key(*found), {facts.packets - small.packets, facts.bytes - small.bytes});
}

Result<FlowTable::Claim> FlowTable::claim(const flow_key& key, const FlowFacts& facts) const {
    const auto writes = writer(key.family);
    if (!writes) return fail(writes.error());
    return claim_by(*writes, store(key.family).name_of(key), key, facts, coarse_now_ns());
}

Result<FlowTable::Claim> FlowTable::claim_by(const FlowStore::Writer& writes, const FlowStore::Name& name,
                                             const flow_key& key, const FlowFacts& facts, std::uint64_t now_ns) const {
    FlowFacts stored = kept(facts);
    if (stored.touched_ns == 0) stored.touched_ns = now_ns;
    state_->flows_of(key).fetch_add(1);
    const auto inserted = writes.insert(name, stored);
    if (inserted == FlowStore::Inserted::done) {
        if (!stored.more) return Claim::inserted;
        if (auto carried = keep_carry(key, facts); !carried) return fail(carried.error());
        return Claim::inserted;
    }
    state_->flows_of(key).fetch_sub(1);
    if (inserted == FlowStore::Inserted::present) return Claim::present;
    return fail(inserted == FlowStore::Inserted::full ? full(key.family) : hindered(writes));
}

Status FlowTable::claim_all(std::span<const Item> items, std::size_t& inserted) const {
    constexpr std::size_t lines_ahead = 16, entries_ahead = 8, items_at_once = 1024;
    inserted = 0;
    const auto ipv4 = writer(FAMILY_IPV4), ipv6 = writer(FAMILY_IPV6);
    if (!ipv4) return fail(ipv4.error());
    if (!ipv6) return fail(ipv6.error());
    std::array<FlowStore::Name, lines_ahead> names;
    const auto name_at = [&](std::size_t i) -> FlowStore::Name& { return names[i % lines_ahead]; };
    std::uint64_t now_ns = 0;
    // Each item is met three times: its line is asked for, its entry is asked for, it is inserted.
    for (std::size_t i = 0; i < items.size() + lines_ahead; ++i) {
        if (i >= lines_ahead) {
            const Item& item = items[inserted];
            if (inserted % items_at_once == 0) now_ns = coarse_now_ns();
            const auto claimed =
                claim_by(item.key.family == FAMILY_IPV6 ? *ipv6 : *ipv4, name_at(i), item.key, item.facts, now_ns);
            if (!claimed) return fail(claimed.error());
            if (*claimed == Claim::present) return {};
            ++inserted;
        }
        if (i < items.size()) {
            name_at(i) = store(items[i].key.family).name_of(items[i].key);
            store(items[i].key.family).prefetch_line(name_at(i));
        }
        if (i >= entries_ahead && i - entries_ahead < items.size()) {
            const Item& item = items[i - entries_ahead];
            store(item.key.family).prefetch_entry(name_at(i - entries_ahead));
        }
    }
    return {};
}

Result<bool> FlowTable::erase(const flow_key& key, const Condition& condition, FlowFacts* erased) const {
    const auto writes = writer(key.family);
    if (!writes) return fail(writes.error());
    FlowStore::Found found;
    const auto done = writes->erase(key, condition, &found);
    if (done == FlowStore::Erased::busy) return fail(hindered(*writes));
    if (done != FlowStore::Erased::done) return false;
    state_->flows_of(key).fetch_sub(1);
    if (erased != nullptr) {
        *erased = found.facts;
        if (auto added = add_carry(found, *erased); !added) return fail(added.error());
    }
    if (auto dropped = drop_carry(found); !dropped) return fail(dropped.error());
    return true;
}

Result<bool> FlowTable::change(const flow_key& key, const FlowFacts& from, std::uint16_t target,
                               flow_state state) const {
    auto found = store(key.family).find(key);
    if (!found) return false;
    found->facts.target = from.target;
    found->facts.state = from.state;
    return store(key.family).change(*found, target, state);
}

Status FlowTable::for_each(const std::function<bool(const Found&)>& each) const {
    std::unordered_map<std::uint64_t, flow_carry> carries;
    const auto packed = [](const flow_carry_key& key) { return std::bit_cast<std::uint64_t>(key); };
    const auto walked = state_->carries.for_each([&](const flow_carry_key& key, const flow_carry& carry) {
        carries.emplace(packed(key), carry);
        return true;
    });
    if (!walked) return walked;
    for (const FlowStore* store : {&state_->ipv4, &state_->ipv6}) {
        for (std::uint32_t place = 0; place < store->places(); ++place) {
            const auto found = store->at(place);
            if (!found) continue;
            Found flow{found->key, found->facts};
            const auto carry = carries.empty() ? carries.end() : carries.find(packed(carry_key(*found)));
            if (carry != carries.end()) add(flow.facts, carry->second);
            if (!each(flow)) return {};
        }
    }
    return {};
}

Status FlowTable::check_alone() const {
    return state_->writers.check_alone();
}

Status FlowTable::write_alone() const {
    return state_->writers.take_alone();
}

Status FlowTable::visit_tags(std::uint32_t first, std::uint32_t last,
                             const std::function<Status(const FlowStore::Found&)>& visit) const {
    for (const FlowStore* store : {&state_->ipv4, &state_->ipv6}) {
        for (std::uint32_t place = 0; place < store->places(); ++place) {
            const std::uint32_t tag = store->tag_at(place);
            if (tag < first || tag > last) continue;
            const auto found = store->at(place);
            if (!found) continue;
            if (auto visited = visit(*found); !visited) return visited;
        }
    }
    return {};
}

/// One that has counted nothing yet, where look-ups of today find it; nothing where it is there.
Status FlowTable::add_second(const FlowStore::Found& flow) const {
    const auto writes = writer(flow.key.family);
    if (!writes) return fail(writes.error());
    FlowFacts facts = flow.facts;
    facts.packets = facts.bytes = 0;
    facts.more = false;
    const auto inserted = writes->insert(flow.key, facts);
    if (inserted == FlowStore::Inserted::full) return fail(full(flow.key.family));
    return inserted == FlowStore::Inserted::busy ? Status(fail(hindered(*writes))) : Status();
}

/// Before the entry that says there is one.
Status FlowTable::move_carry(const FlowStore::Found& flow) const {
    if (!flow.facts.more) return {};
    const auto second = store(flow.key.family).find(flow.key);
    const auto carry = state_->carries.find(carry_key(flow));
    if (!carry) return fail(carry.error());
    return *carry && second ? state_->carries.put(carry_key(*second), **carry) : Status();
}

Status FlowTable::copy_from_tag_1() const {
    return visit_tags(1, 1, [this](const FlowStore::Found& flow) { return add_second(flow); });
}

// Under contract 4 no flow has tag 2 or 3 whose hash does not end so.
Status FlowTable::drop_copies() const {
    return visit_tags(2, 3, [this](const FlowStore::Found& flow) -> Status {
        const std::uint64_t ends_on = store(flow.key.family).name_of(flow.key).hash & 0xff;
        if (ends_on > 1) return {};
        const auto writes = writer(flow.key.family);
        if (!writes) return fail(writes.error());
        const auto erased = writes->erase(flow.key);
        return erased == FlowStore::Erased::busy ? Status(fail(hindered(*writes))) : Status();
    });
}

// Of a flow that the data path has added since it was copied there is no second entry yet.
Status FlowTable::drop_tag_1() const {
    return visit_tags(1, 1, [this](const FlowStore::Found& flow) -> Status {
        if (auto there = add_second(flow); !there) return there;
        if (auto moved = move_carry(flow); !moved) return moved;
        const auto writes = writer(flow.key.family);
        if (!writes) return fail(writes.error());
        if (writes->merge(flow.place) == FlowStore::Merged::busy) return fail(hindered(*writes));
        return drop_carry(flow);
    });
}

Status make_flow_settings(std::uint32_t flows, settings& settings) {
    if (flows < 1 || flows > most_flows)
        return fail(ErrorKind::usage,
                    fmt::format("a table of {} flows is not possible; 1 to {} are", flows, most_flows));
    if (::getrandom(&settings.flow_seeds, sizeof settings.flow_seeds, 0) != sizeof settings.flow_seeds)
        return fail_system(errno, "cannot draw the flow table's seeds");
    settings.flow_seeds.mix |= 1;
    settings.flow_lines = FlowStore::lines_for(flows);
    settings.flow_capacity = flows;
#if defined(__x86_64__) || defined(__s390x__)
    settings.ordered_loads = 1;
#endif
    return {};
}

}  // namespace xdemux
