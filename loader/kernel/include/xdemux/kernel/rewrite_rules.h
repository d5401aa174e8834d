// SPDX-License-Identifier: BSD-2-Clause
// The rules of the host by which a packet to one of its addresses ends elsewhere than at a socket of that address: NAT
// and TPROXY of nftables and of the older iptables, asked of the kernel itself, in the calling thread's network
// namespace. Read only; no tool need be there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

enum class RewriteKind : std::uint8_t {
    destination,  ///< DNAT, REDIRECT
    source,       ///< SNAT, MASQUERADE: the answers come to an address of this host
    transparent,  ///< TPROXY
};
/// "DNAT", "SNAT", "TPROXY".
std::string_view rewrite_kind_name(RewriteKind kind);

struct RewriteRule {
    RewriteKind kind = RewriteKind::destination;
    std::optional<Family> family;    ///< none: both
    std::optional<Proto> proto;      ///< none: any, or more than can be told
    std::optional<PortRange> ports;  ///< the destination ports that it asks for; none as above
    std::string where;               ///< "nft inet nat prerouting", "iptables nat"

    friend bool operator==(const RewriteRule&, const RewriteRule&) = default;
};

/// Every such rule, in the kernel's order. None where the kernel has no netfilter. Needs CAP_NET_ADMIN.
Result<std::vector<RewriteRule>> rewrite_rules();

}  // namespace xdemux
