// SPDX-License-Identifier: BSD-2-Clause
#include "render/port_names.h"

#include <cstddef>

#include <fmt/format.h>

namespace xdemux {
namespace {

std::string join(const std::string& address, Family family, const std::string& port) {
    return family == Family::ipv6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

}  // namespace

PortNames::PortNames(const std::vector<Service>& tcp, const std::vector<Service>& udp) {
    for (const Service& service : tcp)
        names_[0].emplace(service.port, service.name);
    for (const Service& service : udp)
        names_[1].emplace(service.port, service.name);
}

PortNames PortNames::system() {
    return {all_services(Proto::tcp), all_services(Proto::udp)};
}

std::optional<std::string> PortNames::find(std::uint16_t port, Proto proto) const {
    const auto& names = names_[static_cast<std::size_t>(proto)];
    const auto hit = names.find(port);
    if (hit == names.end()) return std::nullopt;
    return hit->second;
}

std::string PortNames::ports(const PortRange& ports, Proto proto) const {
    if (!ports.is_single()) return ports.to_string();
    return find(ports.first, proto).value_or(ports.to_string());
}

std::string PortNames::local(const LocalEndpoint& endpoint, Proto proto, bool v6only) const {
    const std::string port = ports(endpoint.ports, proto);
    const bool dual = endpoint.form == LocalForm::wildcard && endpoint.family() == Family::ipv6 && !v6only;
    if (dual) return "*:" + port;
    return join(endpoint.address_text(), endpoint.family(), port);
}

std::string PortNames::address(const SocketAddress& address, Proto proto) const {
    return join(address.address.to_string(), address.address.family(), ports(PortRange::one(address.port), proto));
}

}  // namespace xdemux
