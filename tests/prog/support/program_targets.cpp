// SPDX-License-Identifier: BSD-2-Clause
// The tables of targets.
#include <memory>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "support/bpf_maps.h"
#include "support/program.h"
#include "support/skeleton.h"
#include "support/testbed.h"

namespace xdemux::test {
namespace {

using namespace contract;

}  // namespace

void Program::set_target(std::uint32_t number, const contract::target& target) {
    put(skeleton_->maps.targets, number, target);
    steered_.insert(number);
}

void Program::set_listener_target(std::uint32_t listener, std::uint32_t number) {
    const listener_target value{number};
    put(skeleton_->maps.listener_targets, listener, value);
    listeners_steered_.insert(listener);
    steered_.insert(number);  // it counts also where there is no such target
}

void Program::add_cpu(std::uint32_t cpu) {
    constexpr std::uint32_t frames = 192;
    put(skeleton_->maps.cpus, cpu, frames);
}

void Program::add_dev(std::uint32_t ifindex) {
    put(skeleton_->maps.devs, ifindex, ifindex);
}

void Program::add_xsk(std::uint32_t number, std::uint32_t queue, int fd) {
    const xsk_queue key{Testbed::get().ifindex(), queue, number};
    const xsk_place place{number, 0};  // any that no other target has
    put(skeleton_->maps.xsks, place.index, fd);
    put(skeleton_->maps.xsk_queues, key, place);
}

void Program::set_group(std::uint32_t number, const std::function<std::uint32_t(std::uint32_t place)>& member_at) {
    const auto table = std::make_unique<group_table>();
    for (std::uint32_t place = 0; place < GROUP_PLACES; ++place)
        table->members[place] = static_cast<__u16>(member_at(place));
    const int inner =
        bpf_map_create(BPF_MAP_TYPE_ARRAY, "group", sizeof(std::uint32_t), sizeof(group_table), 1, nullptr);
    if (inner < 0) give_up("cannot make a group's table");
    const std::uint32_t zero = 0;
    const bool filled = bpf_map_update_elem(inner, &zero, table.get(), BPF_ANY) == 0 &&
                        bpf_map_update_elem(bpf_map__fd(skeleton_->maps.group_tables), &number, &inner, BPF_ANY) == 0;
    close(inner);
    if (!filled) give_up("cannot put a group's table");
}

contract::target_count Program::target_count(std::uint32_t number) const {
    std::vector<contract::target_count> counts(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.target_counts), &number, counts.data()) != 0)
        give_up("cannot read the counters of targets");
    return counts[Testbed::get().cpu()];
}

std::uint32_t Program::flows_of_port(const PortKey& key) const {
    const std::uint32_t index = static_cast<std::uint32_t>(key.first) << 16 | key.second;
    port_slot slot{};
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.port_slots), &index, &slot) != 0)
        give_up("cannot read port_slots");
    return slot.flows;
}

void Program::clear_targets() {
    const contract::target nothing{};
    const std::vector<contract::target_count> zeros(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    for (const std::uint32_t number : steered_) {
        put(skeleton_->maps.targets, number, nothing);
        put(skeleton_->maps.target_counts, number, zeros);
        bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.group_tables), &number);
        bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.sockets), &number);
    }
    for (const std::uint32_t listener : listeners_steered_) {
        const listener_target none{};
        put(skeleton_->maps.listener_targets, listener, none);
    }
    steered_.clear();
    listeners_steered_.clear();
    erase_all<std::uint32_t>(skeleton_->maps.cpus);
    erase_all<std::uint32_t>(skeleton_->maps.devs);
    erase_all<xsk_queue>(skeleton_->maps.xsk_queues);
}

}  // namespace xdemux::test
