// SPDX-License-Identifier: BSD-2-Clause
// What the tables of local destinations hold on the test bed, for whoever loads the program by itself.
#pragma once

#include <cstdint>
#include <string_view>

#include <bpf/libbpf.h>

#include <xdemux/contract.h>

namespace xdemux::test {

/// Frames with that destination that arrive on the device are for this host.
void add_link(const bpf_map* local_routes, std::uint32_t ifindex, std::string_view mac,
              contract::local_source source = contract::LOCAL_BY_LINK);
/// host_mac on both devices of the test bed.
void add_links(const bpf_map* local_routes);

}  // namespace xdemux::test
