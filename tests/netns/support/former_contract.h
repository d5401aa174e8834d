// SPDX-License-Identifier: BSD-2-Clause
// Makes an instance look as if a tool of an earlier contract version had made it, and looks into its flow table. The
// program stays this build's.
#pragma once

#include <cstdint>
#include <span>

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <xdemux/contract.h>
#include <xdemux/kernel/flow_store.h>
#include <xdemux/kernel/map.h>
#include <xdemux/kernel/pins.h>

namespace xdemux::test {

/// What is pinned, of whatever version.
inline contract::settings pinned_settings(const PinDirectory& pins) {
    const std::uint32_t zero = 0;
    contract::settings settings{};
    const auto fd = pins.open_settings();
    EXPECT_TRUE(fd && ::bpf_map_lookup_elem(fd->get(), &zero, &settings) == 0);
    return settings;
}

/// What the program reads is sealed, so the pin gives way to a map of another version.
inline void pretend_contract(const PinDirectory& pins, std::uint32_t version) {
    const std::uint32_t zero = 0;
    contract::settings settings = pinned_settings(pins);
    settings.contract = version;
    const Fd map(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "settings", sizeof zero, sizeof settings, 1, nullptr));
    ASSERT_EQ(::bpf_map_update_elem(map.get(), &zero, &settings, BPF_ANY), 0);
    ASSERT_EQ(::unlink(pins.path_of("settings").c_str()), 0);
    ASSERT_EQ(::bpf_obj_pin(map.get(), pins.path_of("settings").c_str()), 0);
}

/// The flow table of one family, as it is in the pinned maps. Tags of contract 4: a hash that ends on 0 has 1 there.
class FlowMemory {
  public:
    FlowMemory(const PinDirectory& pins, contract::family family)
        : seeds_(pinned_settings(pins).flow_seeds),
          lines_handle_(open(pins, family == contract::FAMILY_IPV6 ? "flow_lines6" : "flow_lines4")),
          entries_handle_(open(pins, family == contract::FAMILY_IPV6 ? "flows6" : "flows4")),
          store_(family, seeds_, {lines(), entries()}) {}
    FlowMemory(FlowMemory&&) = delete;

    [[nodiscard]] const FlowStore& store() const { return store_; }
    /// Flows that stand under that tag.
    [[nodiscard]] std::uint32_t under_tag(std::uint32_t tag) const {
        std::uint32_t flows = 0;
        for (std::uint32_t place = 0; place < store_.places(); ++place)
            flows += store_.tag_at(place) == tag ? 1 : 0;
        return flows;
    }
    /// Whether contract 4 has another tag for the flow.
    [[nodiscard]] bool moves(const contract::flow_key& key) const { return (store_.name_of(key).hash & 0xff) <= 1; }
    /// Puts each flow under its tag of contract 4.
    void age() const {
        for (std::uint32_t place = 0; place < store_.places(); ++place) {
            const auto found = store_.at(place);
            if (!found || !moves(found->key)) continue;
            contract::flow_line& line = lines()[place / contract::FLOW_LINE_PLACES];
            line.tags[place / contract::FLOW_SLOTS % contract::FLOW_WORDS][place % contract::FLOW_SLOTS] = 1;
        }
    }

  private:
    static MapHandle open(const PinDirectory& pins, const char* name) {
        return MapHandle::open(pins.path_of(name), name).value();
    }
    [[nodiscard]] std::span<contract::flow_line> lines() const {
        return {static_cast<contract::flow_line*>(lines_.data()), lines_handle_.capacity()};
    }
    [[nodiscard]] std::span<std::uint64_t> entries() const {
        return {static_cast<std::uint64_t*>(entries_.data()),
                std::size_t{entries_handle_.capacity()} * entries_handle_.value_size() / sizeof(std::uint64_t)};
    }

    contract::flow_seeds seeds_;
    MapHandle lines_handle_, entries_handle_;
    MappedMemory lines_ = MappedMemory::map(lines_handle_).value();
    MappedMemory entries_ = MappedMemory::map(entries_handle_).value();
    FlowStore store_;
};

}  // namespace xdemux::test
