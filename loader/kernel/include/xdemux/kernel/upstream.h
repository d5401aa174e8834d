// SPDX-License-Identifier: BSD-2-Clause
// Whom the host cannot do without: the next hops of its default routes, and its resolvers. It reads, and judges nobody.
#pragma once

#include <string>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/address.h>

namespace xdemux {

/// The next hops of every default route of the calling thread's network namespace, both families; each once.
Result<std::vector<Address>> default_gateways();

/// The `nameserver` lines of resolv.conf(5); empty where there is no such file.
std::vector<Address> resolvers(const std::string& path = "/etc/resolv.conf");

}  // namespace xdemux
