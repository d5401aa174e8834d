// SPDX-License-Identifier: BSD-2-Clause
// Two instances of xdemux beside the sockets. In one they are mirrored: what waits as listeners, connections as flows,
// and the host's sockets are not asked. The other has empty tables and asks the host. It compares nothing.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <xdemux/kernel/oracle.h>
#include <xdemux/ops/explain.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/listener.h>

#include "judge.h"
#include "scene.h"

namespace xdemux::oracle {

/// The listener that stands for a waiting socket; of a reuseport one with a name of its own.
Listener listener_of(const SocketSpec& socket, std::size_t number);

/// The numbers of the test bed's devices.
struct Devices {
    std::uint32_t near = 0;
    std::uint32_t loopback = 0;
    MacAddress near_mac{};  ///< loopback has zeros

    static Devices find();
    [[nodiscard]] std::uint32_t index(Port device) const;
    [[nodiscard]] Port at(std::uint32_t ifindex) const;
    /// To which frames for this host are sent there.
    [[nodiscard]] MacAddress mac(Port device) const { return device == Port::near ? near_mac : MacAddress{}; }
};

class Mirror {
  public:
    /// Instances of the names `name` (attached to both devices) and `name`-host. Throws std::runtime_error.
    explicit Mirror(const std::string& name);
    ~Mirror();
    Mirror(const Mirror&) = delete;
    Mirror& operator=(const Mirror&) = delete;

    /// In the place of what was there.
    void hold(std::span<const SocketSpec> sockets);

    /// What the attached program finds in the mirror.
    [[nodiscard]] Found program(const Packet& packet) const;
    /// Whether the other one finds a socket of the host, which waits or not.
    [[nodiscard]] bool asks_host(const Packet& packet) const;
    /// What the kernel's look-up finds, in the order of the packets, all of which come in by one device.
    [[nodiscard]] std::vector<Found> kernel(std::span<const Packet> packets) const;

    /// Packets that each listener got, by its id.
    [[nodiscard]] std::map<std::uint32_t, std::uint64_t> listener_packets() const;
    /// The id of the listener that the packet belongs to; 0: none.
    [[nodiscard]] std::uint32_t listener_id(const Packet& packet) const;

    [[nodiscard]] const Devices& devices() const { return devices_; }

  private:
    [[nodiscard]] contract::trace trace(const Tracer& tracer, const Packet& packet) const;

    std::string name_;
    Devices devices_;
    std::optional<Instance> mirrored_;
    std::optional<Instance> host_;
    std::optional<Tracer> mirrored_tracer_;
    std::optional<Tracer> host_tracer_;
    Oracle oracle_;
    std::map<std::uint32_t, Listener> listeners_;
};

}  // namespace xdemux::oracle
