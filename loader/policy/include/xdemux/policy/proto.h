// SPDX-License-Identifier: BSD-2-Clause
// The transport protocols that have ports here. TCP and UDP are separate namespaces throughout.
#pragma once

#include <cstdint>
#include <string_view>

#include <xdemux/base/error.h>

namespace xdemux {

/// The value is the protocol's index in the tables (tcp = 0, udp = 1), not its IP protocol number.
enum class Proto : std::uint8_t { tcp, udp };

/// "tcp" or "udp". ErrorKind::usage.
Result<Proto> parse_proto(std::string_view text);
std::string_view proto_name(Proto proto);

}  // namespace xdemux
