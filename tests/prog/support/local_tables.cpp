// SPDX-License-Identifier: BSD-2-Clause
#include "support/local_tables.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "support/bpf_maps.h"
#include "support/packet_builder.h"
#include "support/testbed.h"

namespace xdemux::test {

using namespace contract;

void add_link(const bpf_map* local_routes, std::uint32_t ifindex, std::string_view mac, local_source source) {
    local_link link{};
    link.ifindex = ifindex;
    const Bytes bytes = mac_bytes(mac);
    std::copy(bytes.begin(), bytes.end(), std::begin(link.mac));
    local_route key{};
    key.prefixlen = LOCAL_ROUTE_FIXED_BITS + LOCAL_LINK_BITS;
    key.family = FAMILY_LINK;
    std::memcpy(key.addr, &link, sizeof(link));
    put(local_routes, key, local_entry{source});
}

void add_links(const bpf_map* local_routes) {
    for (const auto ifindex : {Testbed::get().ifindex(), Testbed::get().other_ifindex()})
        add_link(local_routes, ifindex, host_mac);
}

}  // namespace xdemux::test
