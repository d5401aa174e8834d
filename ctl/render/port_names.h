// SPDX-License-Identifier: BSD-2-Clause
// Ports and endpoints as text for people, with service names where they are wanted. JSON has numbers alone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/proto.h>
#include <xdemux/policy/service.h>

namespace xdemux {

class PortNames {
  public:
    /// None: numbers everywhere.
    PortNames() = default;
    PortNames(const std::vector<Service>& tcp, const std::vector<Service>& udp);
    /// Those of the system's services database.
    static PortNames system();

    [[nodiscard]] std::optional<std::string> find(std::uint16_t port, Proto proto) const;
    /// "https", "8443", "8000-8999", "*".
    [[nodiscard]] std::string ports(const PortRange& ports, Proto proto) const;

    /// As `ss` writes it: an IPv6 wildcard is "*:http" when it hears both families and "[::]:http" when IPv6 alone.
    [[nodiscard]] std::string local(const LocalEndpoint& endpoint, Proto proto, bool v6only) const;
    [[nodiscard]] std::string address(const SocketAddress& address, Proto proto) const;

  private:
    std::array<std::unordered_map<std::uint16_t, std::string>, 2> names_;  ///< by Proto
};

}  // namespace xdemux
