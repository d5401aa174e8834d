// SPDX-License-Identifier: BSD-2-Clause
// The tables of blocks, scans and events.
#include <cstring>
#include <memory>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "support/bpf_maps.h"
#include "support/program.h"
#include "support/skeleton.h"
#include "support/testbed.h"

namespace xdemux::test {
namespace {

using namespace contract;

using RingBuffer = std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)>;

int append_event(void* events, void* data, std::size_t size) {
    event each{};
    if (size != sizeof(each)) return -EBADMSG;
    std::memcpy(&each, data, size);
    static_cast<std::vector<event>*>(events)->push_back(each);
    return 0;
}

}  // namespace

void Program::add_block(std::string_view source, std::uint64_t until_ns) {
    const IpAddress ip = ip_address(source);
    block_source key{};
    key.family = static_cast<__u8>(ip.ipv6 ? FAMILY_IPV6 : FAMILY_IPV4);
    std::memcpy(key.addr, ip.bytes.data(), sizeof(key.addr));
    const block value{until_ns};
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.blocks), &key, &value, BPF_ANY) != 0) give_up("cannot block");
}

std::uint64_t Program::blocking_until() const {
    return skeleton_->data_blocking->blocking.until_ns;
}

void Program::set_blocking(std::uint64_t until_ns) {
    skeleton_->data_blocking->blocking.until_ns = until_ns;
}

std::map<std::uint32_t, contract::scanner> Program::scanners() const {
    const std::uint32_t slots = bpf_map__max_entries(skeleton_->maps.scanners);
    std::vector<std::uint32_t> keys(slots);
    std::vector<scanner> values(slots * possible_cpus());
    std::uint32_t at = 0, count = slots;
    if (bpf_map_lookup_batch(bpf_map__fd(skeleton_->maps.scanners), nullptr, &at, keys.data(), values.data(), &count,
                             nullptr) != 0 &&
        errno != ENOENT)
        give_up("cannot read the scanners");
    std::map<std::uint32_t, scanner> taken;
    for (std::size_t i = 0; i < count; i++) {
        const scanner& slot = values[i * possible_cpus() + Testbed::get().cpu()];
        if (slot.last_seen != 0) taken.emplace(keys[i], slot);
    }
    return taken;
}

contract::scan_budget Program::scan_budget() const {
    std::vector<contract::scan_budget> budgets(possible_cpus());
    const std::uint32_t zero = 0;
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.scan_budgets), &zero, budgets.data()) != 0)
        give_up("cannot read the scan budget");
    return budgets[Testbed::get().cpu()];
}

void Program::set_scan_budget(const contract::scan_budget& budget) {
    const std::vector<contract::scan_budget> budgets(possible_cpus(), budget);
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.scan_budgets), &zero, budgets.data(), BPF_ANY) != 0)
        give_up("cannot set the scan budget");
}

contract::watch Program::watch() const {
    return skeleton_->data_watch->watch;
}

void Program::set_watch(const contract::watch& watch) {
    skeleton_->data_watch->watch = watch;
}

contract::watch_limit Program::watch_limit() const {
    std::vector<contract::watch_limit> limits(possible_cpus());
    const std::uint32_t zero = 0;
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.watch_limits), &zero, limits.data()) != 0)
        give_up("cannot read the watch limit");
    return limits[Testbed::get().cpu()];
}

std::vector<contract::event> Program::take_events() {
    std::vector<event> events;
    const RingBuffer ring(ring_buffer__new(bpf_map__fd(skeleton_->maps.events), append_event, &events, nullptr),
                          ring_buffer__free);
    if (ring == nullptr) give_up("cannot map the ring of events");
    if (ring_buffer__consume(ring.get()) < 0) give_up("cannot take the events");
    return events;
}

void Program::clear_evidence() {
    block_source source{};
    const int blocks = bpf_map__fd(skeleton_->maps.blocks);
    while (bpf_map_get_next_key(blocks, nullptr, &source) == 0)
        if (bpf_map_delete_elem(blocks, &source) != 0) give_up("cannot unblock");
    set_blocking(0);
    const std::vector<scanner> nobody(possible_cpus());
    for (const auto& [slot, taken] : scanners())
        if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.scanners), &slot, nobody.data(), BPF_ANY) != 0)
            give_up("cannot clear a scanner");
    set_scan_budget({});
    set_watch({});
    const std::vector<contract::watch_limit> limits(possible_cpus());
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.watch_limits), &zero, limits.data(), BPF_ANY) != 0)
        give_up("cannot clear the watch limit");
    take_events();
}

}  // namespace xdemux::test
