// SPDX-License-Identifier: BSD-2-Clause
// How the host's ephemeral ports are used, and what a change of them would meet. Pure: sockets and settings in, figures
// out. Who asks the kernel is ephemeral.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <xdemux/kernel/ephemeral_sysctl.h>
#include <xdemux/kernel/sock_diag.h>
#include <xdemux/policy/ephemeral_range.h>
#include <xdemux/policy/listener_set.h>

namespace xdemux {

/// Ports of the range taken towards one destination, from one local address: what runs out together.
struct DestinationUse {
    Proto proto = Proto::tcp;
    Address local;
    SocketAddress remote;
    std::size_t in_use = 0;     ///< by sockets that live
    std::size_t time_wait = 0;  ///< by what is left of closed ones

    [[nodiscard]] std::size_t taken() const { return in_use + time_wait; }
};

/// Who waits on a port of the range.
struct RangeListener {
    Proto proto = Proto::tcp;
    std::uint16_t port = 0;
    std::string who;        ///< "listener tcp *:40000", "nginx (812)", "a socket"
    bool reserved = false;  ///< the kernel gives its port to no one else

    friend bool operator==(const RangeListener&, const RangeListener&) = default;
};

struct EphemeralUse {
    std::vector<DestinationUse> destinations;  ///< most taken first
    std::size_t ports_in_use = 0;              ///< of the range, to whatever destination, those that live
    std::size_t ports_time_wait = 0;           ///< of the others, those in TIME_WAIT
    PortSet taken;                             ///< both
};

/// Of the connections that go out: the local port is in the range, and nobody waits on it.
EphemeralUse use_of(std::span<const HostSocket> sockets, const PortRange& range);

/// The host's sockets that wait, and the listeners of an instance on single ports, in the order of their ports; each
/// once. `who` of a socket is filled in by `name`, given its inode.
std::vector<RangeListener> listeners_inside(std::span<const HostSocket> sockets, const ListenerSet& listeners,
                                            const EphemeralSettings& settings,
                                            const std::function<std::string(std::uint64_t inode)>& name);

/// What a change of the settings would mean for what lives.
struct EphemeralImpact {
    std::size_t left_outside = 0;          ///< connections whose port is no longer in the range; they go on
    std::vector<RangeListener> listeners;  ///< inside the new range and not reserved
    RangeCapacity before, after;
};
EphemeralImpact impact_of(std::span<const HostSocket> sockets, std::span<const RangeListener> inside,
                          const EphemeralSettings& before, const EphemeralSettings& after);

/// "8080 (nginx (812)), 9000 (a socket)": at most so many, then how many more.
std::string describe(std::span<const RangeListener> listeners, std::size_t most = 5);

}  // namespace xdemux
