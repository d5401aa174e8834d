// SPDX-License-Identifier: BSD-2-Clause
// The flow table's maps of a loaded object, mapped, with the algorithm that production fills them by: where a flow
// lives is too much to be told twice. It knows no port slots.
#pragma once

#include <cstddef>
#include <memory>

#include <xdemux/contract.h>
#include <xdemux/kernel/flow_store.h>

struct bpf_object;

namespace xdemux::test {

/// The settings of a table with the lines that the object's maps have by default; seeds that are the same each time.
void set_flow_table(contract::settings& settings);

class FlowMemory {
  public:
    /// Before it is loaded: room for that many flows of each family.
    static void resize(bpf_object& object, std::uint32_t flows, contract::settings& settings);
    /// Of a loaded object; throws std::runtime_error. Both outlive it.
    FlowMemory(const bpf_object& object, const contract::settings& settings);
    FlowMemory(FlowMemory&&) = delete;
    ~FlowMemory();

    [[nodiscard]] const FlowStore& store(unsigned family) const { return *stores_[family & 1U]; }
    /// Inserts it, in the place of one that is there; throws where the table is full.
    void put(const contract::flow_key& key, const FlowFacts& facts) const;
    void clear();

  private:
    struct Mapping {
        void* data = nullptr;
        std::size_t size = 0;  // bytes
    };
    Mapping lines_[2];
    Mapping entries_[2];
    std::unique_ptr<FlowStore> stores_[2];
};

}  // namespace xdemux::test
