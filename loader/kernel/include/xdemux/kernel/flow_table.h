// SPDX-License-Identifier: BSD-2-Clause
// The flow table of an instance, both families: what claims a 4-tuple, and what the data path looks flows up in. Every
// call is atomic across threads, processes and the data path, without the instance's lock; a process that is killed in
// the middle leaves a table that others go on with (<xdemux/flow_layout.h>). It keeps the port slots' count of flows,
// so that the data path looks for them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/flow_store.h>
#include <xdemux/kernel/flow_writers.h>
#include <xdemux/kernel/map.h>

namespace xdemux {

class FlowTable {
  public:
    /// The maps by their names in the instance's folder.
    struct Maps {
        MapHandle lines4, entries4, lines6, entries6, carries, writers;
    };
    struct Item {
        contract::flow_key key;
        FlowFacts facts;
    };
    struct Found {
        contract::flow_key key;
        FlowFacts facts;  ///< with what all CPUs counted
    };
    enum class Claim : std::uint8_t { inserted, present };
    using Condition = FlowStore::Condition;

    /// `port_slots` is the instance's mapped array of PORT_INDEXES and outlives the table; `writers_path` as
    /// FlowWriters'. ErrorKind::failed where the maps are not of the settings' making.
    static Result<FlowTable> open(Maps maps, const contract::settings& settings, contract::port_slot* port_slots,
                                  std::string writers_path);

    /// Flows of each family that the table was made for.
    [[nodiscard]] std::uint32_t capacity() const;
    /// How many there are; reads a byte for each place.
    [[nodiscard]] std::uint64_t size() const;
    /// Of one family: places, flows, and those outside their own word and their own line.
    [[nodiscard]] std::uint64_t places(contract::family family) const;
    [[nodiscard]] FlowStore::Count count(contract::family family) const;

    [[nodiscard]] Result<std::optional<FlowFacts>> find(const contract::flow_key& key) const;

    /// Insert-if-absent. `facts.touched_ns` of 0 means now. Errors: `full`; `in_use` where another process holds up the
    /// table for longer than FlowStore::Writer::default_wait; `not_permitted`.
    Result<Claim> claim(const contract::flow_key& key, const FlowFacts& facts) const;
    /// As claim() for many, until one is present or fails; `inserted` counts those before it. Quicker than one by one,
    /// since memory is asked for in advance.
    Status claim_all(std::span<const Item> items, std::size_t& inserted) const;
    /// Where `condition` holds for what it is told, which counts no carried packets. false: it was not there, or not
    /// so. Errors as claim(), but `full`. What was erased goes to `erased`.
    Result<bool> erase(const contract::flow_key& key, const Condition& condition = {},
                       FlowFacts* erased = nullptr) const;
    /// Makes target and state of a flow others, if they still are `from`'s. false: they are not, or it is not there.
    Result<bool> change(const contract::flow_key& key, const FlowFacts& from, std::uint16_t target,
                        contract::flow_state state) const;

    /// Whether another process writes to the table; one that has written stays a writer while it has it open.
    /// ErrorKind::in_use names it.
    [[nodiscard]] Status check_alone() const;
    /// No other process writes until this table goes. Errors as check_alone().
    Status write_alone() const;

    /// The step from contract 4, where flows whose hash ends on 0 or 1 stand under tag 1, which no flow has any more.
    /// copy_from_tag_1() gives each a second entry, where look-ups of today find it, and drop_copies() takes those
    /// back. drop_tag_1() drops the first ones, once no packet meets them any more; what they counted is the second
    /// ones'. After write_alone(); each may be repeated after it was killed or failed. Slots count such a flow once
    /// throughout. Errors: `full`, `in_use`.
    Status copy_from_tag_1() const;
    Status drop_copies() const;
    Status drop_tag_1() const;

    /// Every flow, in no order, while others change the table: one that is there all the time is met once. `each`
    /// returns whether to go on, and may change the table.
    Status for_each(const std::function<bool(const Found&)>& each) const;

  private:
    struct State;
    explicit FlowTable(std::shared_ptr<State> state) : state_(std::move(state)) {}
    [[nodiscard]] const FlowStore& store(std::uint8_t family) const;
    [[nodiscard]] Result<FlowStore::Writer> writer(std::uint8_t family) const;
    [[nodiscard]] Result<Claim> claim_by(const FlowStore::Writer& writes, const FlowStore::Name& name,
                                         const contract::flow_key& key, const FlowFacts& facts,
                                         std::uint64_t now_ns) const;
    [[nodiscard]] Error hindered(const FlowStore::Writer& writer) const;
    [[nodiscard]] Error full(std::uint8_t family) const;
    [[nodiscard]] Status add_carry(const FlowStore::Found& found, FlowFacts& facts) const;
    [[nodiscard]] Status keep_carry(const contract::flow_key& key, const FlowFacts& facts) const;
    Status drop_carry(const FlowStore::Found& found) const;
    /// Every flow whose tag is one of these.
    [[nodiscard]] Status visit_tags(std::uint32_t first, std::uint32_t last,
                                    const std::function<Status(const FlowStore::Found&)>& visit) const;
    [[nodiscard]] Status add_second(const FlowStore::Found& flow) const;
    [[nodiscard]] Status move_carry(const FlowStore::Found& flow) const;

    std::shared_ptr<State> state_;
};

/// The settings' part for a table of that many flows of each family; random seeds. `usage` where it is not possible.
Status make_flow_settings(std::uint32_t flows, contract::settings& settings);
/// Most flows of each family.
inline constexpr std::uint32_t most_flows = 1U << 24U;

}  // namespace xdemux
