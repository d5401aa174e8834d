// SPDX-License-Identifier: BSD-2-Clause
// Entries that wait in vain: listeners of a group behind its first, and sockets of the host whose packets the tables
// end or another socket gets, as the kernel's own look-up has it. Private to this box.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <xdemux/kernel/process.h>
#include <xdemux/kernel/sock_diag.h>
#include <xdemux/policy/listener_set.h>

namespace xdemux {

/// By id of those that are shadowed, the listener that answers in their place.
std::map<std::uint32_t, const Listener*> shadowed_listeners(const ListenerSet& listeners);

/// "listener tcp 0.0.0.0:80"
std::string listener_label(const Listener& listener);

class SocketShadows {
  public:
    /// `locals`: addresses of this host. All must outlive this object.
    SocketShadows(const std::vector<HostSocket>& sockets, const ListenerSet& listeners, std::vector<Address> locals,
                  const std::unordered_map<std::uint64_t, Process>& owners);

    /// Who gets every packet that this socket waits for: "listener tcp 0.0.0.0:80", "nginx (4711)", "another socket".
    /// None: it gets some itself, or waits for no one in particular.
    [[nodiscard]] std::optional<std::string> find(const HostSocket& socket) const;

  private:
    [[nodiscard]] std::vector<Address> addresses_of(const HostSocket& socket) const;
    [[nodiscard]] const Listener* ended_by(const HostSocket& socket, const Address& address) const;
    [[nodiscard]] bool has_rivals(const HostSocket& socket) const;
    [[nodiscard]] std::optional<std::string> beaten_by(const HostSocket& socket,
                                                       const std::vector<Address>& addresses) const;

    const ListenerSet& listeners_;
    std::vector<Address> locals_;
    const std::unordered_map<std::uint64_t, Process>& owners_;
    bool any_ends_ = false;                                           ///< a listener drops or rejects
    std::map<std::pair<Proto, std::uint16_t>, std::size_t> waiting_;  ///< sockets on the port that hear anyone
};

}  // namespace xdemux
