// SPDX-License-Identifier: BSD-2-Clause
// Port numbers and their names in the system's services database (getservbyname(3)), both ways, per protocol. It
// reads that database and nothing else of the system.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

/// A number from 1 to 65535, or a service name. ErrorKind::usage.
Result<std::uint16_t> parse_port(std::string_view text, Proto proto);

/// The first name that the services database has for the port. It costs a scan of the database: for many ports at
/// once take all_services().
std::optional<std::string> service_name(std::uint16_t port, Proto proto);

struct Service {
    std::uint16_t port = 0;
    std::string name;

    friend bool operator==(const Service&, const Service&) = default;
};

/// All named ports of a protocol, by port; the first name of each.
std::vector<Service> all_services(Proto proto);

}  // namespace xdemux
