// SPDX-License-Identifier: BSD-2-Clause
// What a driver is set to, by the ethtool ioctl, in the calling thread's network namespace. It changes nothing.
// Every function: error `not_found` for an unknown interface, `unsupported` where the driver does not tell.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>

namespace xdemux {

/// Whether received frames arrive without their VLAN tag (rx-vlan-offload), which a native program then cannot see.
Result<bool> receive_vlan_offload(std::string_view ifname);

/// Whether received TCP frames arrive merged (LRO), which native XDP does not allow.
Result<bool> large_receive_offload(std::string_view ifname);

/// Queues in use; a combined channel has one queue of each direction.
struct Channels {
    std::uint32_t receive = 0;
    std::uint32_t transmit = 0;
    std::uint32_t combined = 0;

    [[nodiscard]] std::uint32_t receive_queues() const { return receive + combined; }
};
Result<Channels> channels(std::string_view ifname);

/// "virtio_net", "veth", ...
Result<std::string> driver_name(std::string_view ifname);

}  // namespace xdemux
