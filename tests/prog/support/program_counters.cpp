// SPDX-License-Identifier: BSD-2-Clause
// What the program counts.
#include <cerrno>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "support/big_tables.h"
#include "support/bpf_maps.h"
#include "support/program.h"
#include "support/skeleton.h"
#include "support/testbed.h"

namespace xdemux::test {
namespace {

using namespace contract;

constexpr std::uint32_t batch_size = 16384;
constexpr std::uint32_t reason_rows = std::uint32_t{REASON_COUNT} * VERDICT_COUNT;

// One element of a per-CPU map as the kernel has it: a value for each possible CPU, or one of a plain array.
template <typename Value>
std::vector<Value> read_cpus(const bpf_map* map, std::uint32_t key) {
    std::vector<Value> values(possible_cpus());
    if (bpf_map_lookup_elem(fd_of(map), &key, values.data()) != 0)
        give_up(std::string("cannot read ") + bpf_map__name(map));
    return values;
}

traffic sum(const std::vector<traffic>& values) {
    traffic total{};
    for (const traffic& value : values) {
        total.packets += value.packets;
        total.bytes += value.bytes;
    }
    return total;
}

}  // namespace

ReasonCounts Program::reasons() const {
    const std::size_t each = possible_cpus();
    std::vector<std::uint32_t> keys(reason_rows);
    std::vector<reason_counter> values(reason_rows * each);
    std::uint32_t at = 0, count = reason_rows;
    if (bpf_map_lookup_batch(fd_of(skeleton_->maps.reason_counters), nullptr, &at, keys.data(), values.data(), &count,
                             nullptr) != 0 &&
        errno != ENOENT)
        give_up("cannot read the reason counters");
    if (count != reason_rows) give_up("cannot read all reason counters", ENODATA);
    ReasonCounts counts;
    for (std::size_t row = 0; row < count; row++) {
        reason_counter total{};
        for (std::size_t cpu = 0; cpu < each; cpu++) {
            const reason_counter& part = values[row * each + cpu];
            total.packets += part.packets;
            total.bytes += part.bytes;
            total.monitored_packets += part.monitored_packets;
        }
        if (total.packets != 0 || total.bytes != 0 || total.monitored_packets != 0)
            counts[{static_cast<reason>(keys[row] / VERDICT_COUNT), static_cast<verdict>(keys[row] % VERDICT_COUNT)}] =
                total;
    }
    return counts;
}

traffic Program::port(const PortKey& key) const {
    return sum(read_cpus<traffic>(skeleton_->maps.port_counters, index_of(key)));
}

traffic Program::drops(const PortKey& key) const {
    return sum(read_cpus<traffic>(skeleton_->maps.port_drops, index_of(key)));
}

traffic Program::listener(std::uint32_t id) const {
    return sum(read_cpus<traffic>(skeleton_->maps.listener_counts, id));
}

PortCounts Program::all_ports() const {
    return read_ports(skeleton_->maps.port_counters);
}

PortCounts Program::all_drops() const {
    return read_ports(skeleton_->maps.port_drops);
}

PortCounts Program::read_ports(const bpf_map* map) const {
    const std::size_t each = settings_.shared_counters != 0 ? 1 : possible_cpus();
    std::vector<std::uint32_t> keys(batch_size);
    std::vector<traffic> values(batch_size * each);
    PortCounts rows;
    std::uint32_t at = 0;
    for (bool first = true, more = true; more; first = false) {
        std::uint32_t count = batch_size;
        const int error =
            bpf_map_lookup_batch(fd_of(map), first ? nullptr : &at, &at, keys.data(), values.data(), &count, nullptr);
        if (error != 0 && errno != ENOENT) give_up("cannot read the port counters");
        more = error == 0;
        for (std::size_t i = 0; i < count; i++) {
            const auto from = values.begin() + static_cast<std::ptrdiff_t>(i * each);
            const traffic total = sum({from, from + static_cast<std::ptrdiff_t>(each)});
            if (total.packets == 0 && total.bytes == 0) continue;
            rows[{static_cast<proto>(keys[i] >> 16), static_cast<std::uint16_t>(keys[i])}] = total;
        }
    }
    return rows;
}

traffic Program::take_ports() {
    return big_tables_->ports().take();
}

traffic Program::take_drops() {
    return big_tables_->drops().take();
}

contract::reject_limit Program::reject_limit() const {
    return read_cpus<contract::reject_limit>(skeleton_->maps.reject_limits, 0)[Testbed::get().cpu()];
}

void Program::set_reject_limit(const contract::reject_limit& limit) {
    const std::vector<contract::reject_limit> limits(possible_cpus(), limit);
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(fd_of(skeleton_->maps.reject_limits), &zero, limits.data(), BPF_ANY) != 0)
        give_up("cannot set the reject limit");
}

void Program::clear_counters() {
    take_ports();
    take_drops();
    const std::vector<reason_counter> nothing(possible_cpus());
    for (std::uint32_t index = 0; index < reason_rows; index++)
        if (bpf_map_update_elem(fd_of(skeleton_->maps.reason_counters), &index, nothing.data(), BPF_ANY) != 0)
            give_up("cannot clear the reason counters");
    set_reject_limit({});
}

}  // namespace xdemux::test
