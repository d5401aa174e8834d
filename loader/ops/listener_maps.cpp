// SPDX-License-Identifier: BSD-2-Clause
#include "listener_maps.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include <fmt/format.h>

#include <xdemux/kernel/encode.h>

#include "epoch.h"

namespace xdemux {
namespace {

/// Targets and hints of a slot: one word, so that the two are seen together.
struct AnswerWord {
    __u8 target[2];
    __u8 hints[2];
};
static_assert(sizeof(AnswerWord) == sizeof(std::uint32_t));

std::atomic_ref<std::uint32_t> listener_word(contract::port_slot& slot, std::size_t family) {
    return std::atomic_ref<std::uint32_t>(slot.listener[family]);
}

std::atomic_ref<std::uint32_t> answer_word(contract::port_slot& slot) {
    static_assert(offsetof(contract::port_slot, hints) == offsetof(contract::port_slot, target) + 2);
    return std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(&slot.target));
}

/// Who appears stands there before its target does; who goes, goes after it.
void write_slot(contract::port_slot& slot, const Slot& wanted) {
    const contract::port_slot encoded = encode(wanted);
    for (std::size_t family = 0; family < contract::FAMILY_COUNT; ++family) {
        if (encoded.listener[family] != 0) listener_word(slot, family).store(encoded.listener[family]);
    }
    const AnswerWord answer{{encoded.target[0], encoded.target[1]}, {encoded.hints[0], encoded.hints[1]}};
    answer_word(slot).store(std::bit_cast<std::uint32_t>(answer));
    for (std::size_t family = 0; family < contract::FAMILY_COUNT; ++family) {
        if (encoded.listener[family] == 0) listener_word(slot, family).store(0);
    }
}

Slot read_slot(contract::port_slot& slot) {
    contract::port_slot copy{};
    const auto answer = std::bit_cast<AnswerWord>(answer_word(slot).load());
    for (std::size_t family = 0; family < contract::FAMILY_COUNT; ++family) {
        copy.listener[family] = listener_word(slot, family).load();
        copy.target[family] = answer.target[family];
        copy.hints[family] = answer.hints[family];
    }
    return decode(copy);
}

std::uint8_t prefix_bits(const ExactKey& key) {
    return key.form == ExactForm::address ? address_bits(key.address.family()) : std::uint8_t{0};
}

template <typename Entry>
void sort_by_key(std::vector<Entry>& entries) {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
}

Status full(const MapHandle& table, std::size_t needed) {
    return fail(ErrorKind::full,
                fmt::format("table \"{}\" holds {} entries and the change takes {}; use fewer ports in ranges of "
                            "addresses and prefixes, or unload the instance and attach anew with more --listeners",
                            table.name(), table.capacity(), needed));
}

Status write_entries(const Tables& tables, const TablesDelta& delta) {
    for (const auto& entry : delta.exact_put) {
        const auto value = encode(entry.value, prefix_bits(entry.key));
        if (auto put = tables.listen_addrs.put(encode(entry.key), value); !put) return put;
    }
    for (const auto& entry : delta.prefix_put) {
        const auto value = encode(entry.value, entry.key.prefix.length);
        if (auto put = tables.listen_prefixes.put(encode(entry.key), value); !put) return put;
    }
    for (const auto& entry : delta.slots_put)
        write_slot(tables.port_slots[port_index(entry.key.proto, entry.key.port)], entry.value);
    for (const auto& key : delta.exact_erase) {
        if (auto erased = tables.listen_addrs.erase(encode(key)); !erased) return fail(erased.error());
    }
    for (const auto& key : delta.prefix_erase) {
        if (auto erased = tables.listen_prefixes.erase(encode(key)); !erased) return fail(erased.error());
    }
    return {};
}

}  // namespace

Result<ListenerTables> read_listener_tables(const Tables& tables) {
    ListenerTables found;
    auto walked = tables.listen_addrs.for_each([&](const auto& key, const auto& entry) {
        found.exact.push_back({decode(key), decode(entry)});
        return true;
    });
    if (!walked) return fail(walked.error());
    walked = tables.listen_prefixes.for_each([&](const auto& key, const auto& entry) {
        found.prefixes.push_back({decode(key), decode(entry)});
        return true;
    });
    if (!walked) return fail(walked.error());
    for (std::uint32_t index = 0; index < contract::PORT_INDEXES; ++index) {
        const Slot slot = read_slot(tables.port_slots[index]);
        if (slot.empty()) continue;
        found.slots.push_back({{static_cast<Proto>(index >> 16U), static_cast<std::uint16_t>(index & 0xffffU)}, slot});
    }
    sort_by_key(found.exact);
    sort_by_key(found.prefixes);
    return found;
}

Status write_delta(const Tables& tables, const TablesDelta& delta) {
    return change_epoch(tables, [&] { return write_entries(tables, delta); });
}

Status check_room(const Tables& tables, const ListenerTableSizes& present, const TablesDelta& delta) {
    const std::size_t exact = present.exact + delta.exact_put.size();
    if (exact > tables.listen_addrs.capacity()) return full(tables.listen_addrs.handle(), exact);
    const std::size_t prefixes = present.prefixes + delta.prefix_put.size();
    if (prefixes > tables.listen_prefixes.capacity()) return full(tables.listen_prefixes.handle(), prefixes);
    return {};
}

}  // namespace xdemux
