// SPDX-License-Identifier: BSD-2-Clause
// The guards of listeners, in the data path's own terms.
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "support/bpf_maps.h"
#include "support/program.h"

// The skeleton names the types of the program's variables as C does.
using xdemux::contract::blocking;
using xdemux::contract::local_hot;
using xdemux::contract::settings;
using xdemux::contract::watch;
#include "demux.skel.h"

namespace xdemux::test {
namespace {

using namespace contract;

guard_source key_of(std::uint32_t listener, const Source& source) {
    const IpAddress ip = ip_address(source.address);
    guard_source key{};
    key.prefixlen = GUARD_SOURCE_FIXED_BITS + source.bits;
    key.listener = listener;
    key.family = static_cast<__u8>(ip.ipv6 ? FAMILY_IPV6 : FAMILY_IPV4);
    std::memcpy(key.addr, ip.bytes.data(), sizeof(key.addr));
    return key;
}

}  // namespace

void Program::add_guard(std::uint32_t listener, const std::vector<Source>& sources, const Limit& limit) {
    for_each_key<guard_source>(skeleton_->maps.guard_sources, [&](const guard_source& key) {
        if (key.listener == listener) bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.guard_sources), &key);
    });
    for (const Source& source : sources)
        put(skeleton_->maps.guard_sources, key_of(listener, source), guard_admits{listener});
    guard value{};
    value.packet_ns = limit.packet_ns;
    value.burst_ns = (limit.burst - 1) * limit.packet_ns;
    value.prefixes = static_cast<__u32>(sources.size());
    value.serial = ++serials_;
    put(skeleton_->maps.guards, listener, value);
    guarded_.insert(listener);
}

std::size_t Program::rated_sources() const {
    return for_each_key<guard_client>(skeleton_->maps.guard_rates, [](const guard_client&) {});
}

void Program::clear_guards() {
    for (const std::uint32_t listener : guarded_)
        put(skeleton_->maps.guards, listener, guard{});
    guarded_.clear();
    erase_all<guard_source>(skeleton_->maps.guard_sources);
    erase_all<guard_client>(skeleton_->maps.guard_rates);
}

}  // namespace xdemux::test
