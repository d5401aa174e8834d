// SPDX-License-Identifier: BSD-2-Clause
// What the readers of nftables and of iptables share: the older one's matches and targets, which nftables carries too.
// Private to this box.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/kernel/rewrite_rules.h>

namespace xdemux {

/// Of IPPROTO_TCP and IPPROTO_UDP.
std::optional<Proto> proto_of_number(unsigned number);
/// "DNAT" and its like; none of other targets.
std::optional<RewriteKind> kind_of_target(std::string_view target);
/// Takes the protocol and the destination ports from a match "tcp" or "udp" (struct xt_tcp, xt_udp).
void apply_xt_match(std::string_view name, std::span<const std::byte> info, RewriteRule& rule);
/// Destination ports, both in host order; none for all.
std::optional<PortRange> ports_between(unsigned first, unsigned last);

Status append_nft_rules(std::vector<RewriteRule>& rules);
Status append_iptables_rules(std::vector<RewriteRule>& rules);

}  // namespace xdemux
