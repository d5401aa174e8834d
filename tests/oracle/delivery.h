// SPDX-License-Identifier: BSD-2-Clause
// Really sends packets from the peer's namespace and finds the socket that each reached. UDP and the data of a
// connection are put on the wire as frames; what may reach a TCP listener is a connection that the peer opens. It
// compares nothing.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <xdemux/base/fd.h>

#include "judge.h"
#include "live_sockets.h"
#include "scene.h"

namespace xdemux::oracle {

class Delivery {
  public:
    /// Throws std::system_error, std::runtime_error.
    explicit Delivery(const std::string& peer);

    /// Whether such a packet can be sent, and seen to arrive: TIME_WAIT receives nothing, and what the peer's own
    /// kernel would answer with a reset is left alone.
    [[nodiscard]] static bool can_send(const Packet& packet, const Found& kernel);

    /// Which of the sockets got it. Throws where it went astray: to a socket that a wrong packet reached.
    Found send(const Packet& packet, const LiveSockets& sockets);

    /// A new scene: no byte was sent on its connections.
    void forget() { sent_bytes_.clear(); }

  private:
    void put_on_wire(const Packet& packet);
    void connect_from_peer(const Packet& packet, const LiveSockets& sockets, std::optional<Found>& receiver);
    [[nodiscard]] Fd connecting(const Packet& packet) const;
    void wait_for_wire();

    std::string peer_;
    std::string near_mac_;
    Fd wire_;  ///< packet socket on the peer's end
    Fd mark_;  ///< gets a packet behind each: the wire keeps the order
    std::map<FlowKey, std::uint32_t> sent_bytes_;
};

}  // namespace xdemux::oracle
