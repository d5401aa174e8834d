// SPDX-License-Identifier: BSD-2-Clause
#include "yardstick.h"

#include <array>
#include <string>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "subject.h"
#include "support/bpf_maps.h"

// The skeleton names the types of the program's variables as C does.
using xdemux::contract::flow_seeds;
#include "yardstick.skel.h"

namespace xdemux::bench {
Yardsticks::Yardsticks(std::uint32_t capacity, const Subject& subject, std::uint32_t crowd_each, xdp_action action)
    : skeleton_(yardstick::open()) {
    if (skeleton_ == nullptr) test::give_up("cannot open the yardsticks");
    skeleton_->rodata->line_count = subject.settings().flow_lines;
    skeleton_->rodata->seeds = subject.settings().flow_seeds;
    skeleton_->rodata->crowd_each = crowd_each;
    skeleton_->rodata->action = action;
    if (bpf_map__reuse_fd(skeleton_->maps.flow_lines4, subject.table("flow_lines4")) != 0 ||
        bpf_map__reuse_fd(skeleton_->maps.flows4, subject.table("flows4")) != 0)
        test::give_up("cannot share the flow table");
    if (capacity != 0) bpf_map__set_max_entries(skeleton_->maps.hashed, capacity);
    if (const int error = yardstick::load(skeleton_); error != 0) {
        yardstick::destroy(skeleton_);
        test::give_up("cannot load the yardsticks", -error);
    }
}

void Yardsticks::add_flows(std::span<const contract::flow_key> keys) {
    const std::vector<std::array<__u64, 3>> nothing(keys.size());
    auto count = static_cast<__u32>(keys.size());
    if (bpf_map_update_batch(bpf_map__fd(skeleton_->maps.hashed), keys.data(), nothing.data(), &count, nullptr) != 0)
        test::give_up("cannot add flows");
}

Yardsticks::~Yardsticks() {
    yardstick::destroy(skeleton_);
}

int Yardsticks::fd(Yardstick which) const {
    switch (which) {
        case Yardstick::least_demux:
            return bpf_program__fd(skeleton_->progs.least_demux);
        case Yardstick::of_kinds:
            return bpf_program__fd(skeleton_->progs.least_of_kinds);
        case Yardstick::tcp_lookup:
            return bpf_program__fd(skeleton_->progs.tcp_lookup);
        case Yardstick::route_lookup:
            return bpf_program__fd(skeleton_->progs.route_lookup);
        case Yardstick::least_flows:
            return bpf_program__fd(skeleton_->progs.least_flows);
        case Yardstick::one_line:
            return bpf_program__fd(skeleton_->progs.one_line);
        case Yardstick::two_lines:
            return bpf_program__fd(skeleton_->progs.two_lines);
        case Yardstick::in_turn:
            return bpf_program__fd(skeleton_->progs.two_lines_in_turn);
        case Yardstick::established:
            return bpf_program__fd(skeleton_->progs.established_lookup);
        case Yardstick::hash_flows:
            return bpf_program__fd(skeleton_->progs.hash_flows);
        case Yardstick::none:
            break;
    }
    return -1;
}

}  // namespace xdemux::bench
