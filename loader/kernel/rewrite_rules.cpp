// SPDX-License-Identifier: BSD-2-Clause
#include <cstring>

#include <linux/netfilter/xt_tcpudp.h>
#include <netinet/in.h>

#include "rewrite_parts.h"

namespace xdemux {

std::string_view rewrite_kind_name(RewriteKind kind) {
    switch (kind) {
        case RewriteKind::destination:
            return "DNAT";
        case RewriteKind::source:
            return "SNAT";
        case RewriteKind::transparent:
            break;
    }
    return "TPROXY";
}

std::optional<Proto> proto_of_number(unsigned number) {
    if (number == IPPROTO_TCP) return Proto::tcp;
    if (number == IPPROTO_UDP) return Proto::udp;
    return std::nullopt;
}

std::optional<RewriteKind> kind_of_target(std::string_view target) {
    if (target == "DNAT" || target == "REDIRECT" || target == "NETMAP") return RewriteKind::destination;
    if (target == "SNAT" || target == "MASQUERADE") return RewriteKind::source;
    if (target == "TPROXY") return RewriteKind::transparent;
    return std::nullopt;
}

std::optional<PortRange> ports_between(unsigned first, unsigned last) {
    constexpr unsigned highest = 65'535;
    if (first == 0) first = 1;  // no packet that counts is to port 0
    if (last > highest || first > last || (first == 1 && last == highest)) return std::nullopt;
    return PortRange{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
}

void apply_xt_match(std::string_view name, std::span<const std::byte> info, RewriteRule& rule) {
    if (name == "tcp" && info.size() >= sizeof(xt_tcp)) {
        xt_tcp match{};
        std::memcpy(&match, info.data(), sizeof match);
        rule.proto = Proto::tcp;
        if ((match.invflags & XT_TCP_INV_DSTPT) == 0) rule.ports = ports_between(match.dpts[0], match.dpts[1]);
    } else if (name == "udp" && info.size() >= sizeof(xt_udp)) {
        xt_udp match{};
        std::memcpy(&match, info.data(), sizeof match);
        rule.proto = Proto::udp;
        if ((match.invflags & XT_UDP_INV_DSTPT) == 0) rule.ports = ports_between(match.dpts[0], match.dpts[1]);
    }
}

Result<std::vector<RewriteRule>> rewrite_rules() {
    std::vector<RewriteRule> rules;
    if (auto done = append_nft_rules(rules); !done) return fail(done.error());
    if (auto done = append_iptables_rules(rules); !done) return fail(done.error());
    return rules;
}

}  // namespace xdemux
