// SPDX-License-Identifier: BSD-2-Clause
// The rules of nftables, by a dump of nfnetlink. A rule is a list of expressions: some load a field of the packet, some
// compare what was loaded, and the last acts. What is not understood leaves the rule meaning more packets, never fewer.
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlink_dump.h"
#include "rewrite_parts.h"

namespace xdemux {
namespace {

enum class Loaded : std::uint8_t { other, protocol, destination_port };

/// What is known of a rule while its expressions are read.
struct Reading {
    RewriteRule rule;
    Loaded loaded = Loaded::other;
    std::optional<unsigned> at_least;  ///< a lower bound of the port, whose upper one is still to come
    bool rewrites = false;
};

template <std::size_t Count>
bool parse(nlattr* (&attributes)[Count], nlattr* nested) {
    return nested != nullptr && nla_parse_nested(attributes, static_cast<int>(Count) - 1, nested, nullptr) >= 0;
}

std::uint32_t number(const nlattr* attribute) {
    return ntohl(attribute_or_zero<std::uint32_t>(attribute));
}

std::span<const std::byte> bytes(const nlattr* attribute) {
    if (attribute == nullptr) return {};
    return {static_cast<const std::byte*>(nla_data(attribute)), static_cast<std::size_t>(nla_len(attribute))};
}

std::string_view text(nlattr* attribute) {
    return attribute == nullptr ? std::string_view() : std::string_view(nla_get_string(attribute));
}

void read_payload(nlattr* data, Reading& reading) {
    nlattr* attributes[NFTA_PAYLOAD_MAX + 1] = {};
    reading.loaded = Loaded::other;
    if (!parse(attributes, data) || attributes[NFTA_PAYLOAD_DREG] == nullptr) return;
    const auto base = number(attributes[NFTA_PAYLOAD_BASE]);
    const auto offset = number(attributes[NFTA_PAYLOAD_OFFSET]);
    const auto size = number(attributes[NFTA_PAYLOAD_LEN]);
    constexpr std::uint32_t ipv4_protocol = 9;     // RFC 791
    constexpr std::uint32_t destination_port = 2;  // RFC 9293, RFC 768
    if (base == NFT_PAYLOAD_TRANSPORT_HEADER && offset == destination_port && size == 2)
        reading.loaded = Loaded::destination_port;
    if (base == NFT_PAYLOAD_NETWORK_HEADER && offset == ipv4_protocol && size == 1 &&
        reading.rule.family == Family::ipv4)
        reading.loaded = Loaded::protocol;
}

void read_meta(nlattr* data, Reading& reading) {
    nlattr* attributes[NFTA_META_MAX + 1] = {};
    reading.loaded = Loaded::other;
    if (!parse(attributes, data) || attributes[NFTA_META_DREG] == nullptr) return;
    if (number(attributes[NFTA_META_KEY]) == NFT_META_L4PROTO) reading.loaded = Loaded::protocol;
}

void compare_port(std::uint32_t operation, unsigned port, Reading& reading) {
    if (operation == NFT_CMP_EQ) reading.rule.ports = ports_between(port, port);
    if (operation == NFT_CMP_GTE) reading.at_least = port;
    if (operation == NFT_CMP_LTE && reading.at_least) reading.rule.ports = ports_between(*reading.at_least, port);
}

void read_compare(nlattr* data, Reading& reading) {
    nlattr* attributes[NFTA_CMP_MAX + 1] = {};
    nlattr* value[NFTA_DATA_MAX + 1] = {};
    if (!parse(attributes, data) || !parse(value, attributes[NFTA_CMP_DATA])) return;
    const auto operation = number(attributes[NFTA_CMP_OP]);
    const auto with = bytes(value[NFTA_DATA_VALUE]);
    if (reading.loaded == Loaded::destination_port && with.size() >= 2)
        compare_port(operation, std::to_integer<unsigned>(with[0]) << 8U | std::to_integer<unsigned>(with[1]), reading);
    if (reading.loaded == Loaded::protocol && !with.empty() && operation == NFT_CMP_EQ)
        reading.rule.proto = proto_of_number(std::to_integer<unsigned>(with[0]));
}

void read_range(nlattr* data, Reading& reading) {
    nlattr* attributes[NFTA_RANGE_MAX + 1] = {};
    nlattr* from[NFTA_DATA_MAX + 1] = {};
    nlattr* to[NFTA_DATA_MAX + 1] = {};
    if (!parse(attributes, data) || !parse(from, attributes[NFTA_RANGE_FROM_DATA]) ||
        !parse(to, attributes[NFTA_RANGE_TO_DATA]) || number(attributes[NFTA_RANGE_OP]) != NFT_RANGE_EQ ||
        reading.loaded != Loaded::destination_port)
        return;
    reading.rule.ports = ports_between(ntohs(attribute_or_zero<std::uint16_t>(from[NFTA_DATA_VALUE])),
                                       ntohs(attribute_or_zero<std::uint16_t>(to[NFTA_DATA_VALUE])));
}

void rewrite(RewriteKind kind, Reading& reading) {
    reading.rule.kind = kind;
    reading.rewrites = true;
}

/// iptables' matches and targets, as iptables-nft has them.
void read_compatible(std::string_view name, nlattr* data, Reading& reading) {
    static_assert(int{NFTA_MATCH_MAX} == int{NFTA_TARGET_MAX} && int{NFTA_MATCH_NAME} == int{NFTA_TARGET_NAME});
    nlattr* attributes[NFTA_MATCH_MAX + 1] = {};
    if (!parse(attributes, data)) return;
    if (name == "match")
        return apply_xt_match(text(attributes[NFTA_MATCH_NAME]), bytes(attributes[NFTA_MATCH_INFO]), reading.rule);
    if (const auto kind = kind_of_target(text(attributes[NFTA_TARGET_NAME]))) rewrite(*kind, reading);
}

void read_nat(nlattr* data, Reading& reading) {
    nlattr* attributes[NFTA_NAT_MAX + 1] = {};
    if (!parse(attributes, data)) return;
    const bool source = number(attributes[NFTA_NAT_TYPE]) == NFT_NAT_SNAT;
    rewrite(source ? RewriteKind::source : RewriteKind::destination, reading);
}

void read_expression(nlattr* expression, Reading& reading) {
    nlattr* attributes[NFTA_EXPR_MAX + 1] = {};
    if (!parse(attributes, expression)) return;
    const std::string_view name = text(attributes[NFTA_EXPR_NAME]);
    nlattr* data = attributes[NFTA_EXPR_DATA];
    if (name == "payload") return read_payload(data, reading);
    if (name == "meta") return read_meta(data, reading);
    if (name == "cmp") return read_compare(data, reading);
    if (name == "range") return read_range(data, reading);
    if (name == "match" || name == "target") return read_compatible(name, data, reading);
    if (name == "nat") return read_nat(data, reading);
    if (name == "redir") return rewrite(RewriteKind::destination, reading);
    if (name == "masq") return rewrite(RewriteKind::source, reading);
    if (name == "tproxy") return rewrite(RewriteKind::transparent, reading);
    if (name == "bitwise" || name == "immediate" || name == "ct" || name == "fib") reading.loaded = Loaded::other;
}

std::string_view family_word(std::uint8_t family) {
    switch (family) {
        case NFPROTO_IPV4:
            return "ip";
        case NFPROTO_IPV6:
            return "ip6";
        case NFPROTO_INET:
            return "inet";
        case NFPROTO_BRIDGE:
            return "bridge";
        default:
            return "netdev";
    }
}

void read_rule(const nlmsghdr& message, std::vector<RewriteRule>& rules) {
    if (NFNL_SUBSYS_ID(message.nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
        NFNL_MSG_TYPE(message.nlmsg_type) != NFT_MSG_NEWRULE)
        return;
    nlattr* attributes[NFTA_RULE_MAX + 1] = {};
    // libnl parses without changing the message; its parameter merely lacks the const.
    if (nlmsg_parse(const_cast<nlmsghdr*>(&message), sizeof(nfgenmsg), attributes, NFTA_RULE_MAX, nullptr) < 0) return;
    nfgenmsg header{};
    std::memcpy(&header, nlmsg_data(&message), sizeof header);

    Reading reading;
    if (header.nfgen_family == NFPROTO_IPV4) reading.rule.family = Family::ipv4;
    if (header.nfgen_family == NFPROTO_IPV6) reading.rule.family = Family::ipv6;
    reading.rule.where = fmt::format("nft {} {} {}", family_word(header.nfgen_family),
                                     text(attributes[NFTA_RULE_TABLE]), text(attributes[NFTA_RULE_CHAIN]));
    if (attributes[NFTA_RULE_EXPRESSIONS] == nullptr) return;
    int left = 0;
    nlattr* expression = nullptr;
    nla_for_each_nested(expression, attributes[NFTA_RULE_EXPRESSIONS], left) read_expression(expression, reading);
    if (reading.rewrites) rules.push_back(std::move(reading.rule));
}

/// The kernel has no nftables: no netlink family for it, or no such subsystem.
bool is_absent(int error_number) {
    return error_number == EINVAL || error_number == EOPNOTSUPP || error_number == EPROTONOSUPPORT;
}

}  // namespace

Status append_nft_rules(std::vector<RewriteRule>& rules) {
    nfgenmsg header{};
    header.nfgen_family = NFPROTO_UNSPEC;
    const std::size_t before = rules.size();
    const Status done = netlink_dump(
        {NETLINK_NETFILTER, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, std::as_bytes(std::span(&header, 1))},
        "cannot list the rules of nftables", [&] { rules.resize(before); },
        [&](const nlmsghdr& message) { read_rule(message, rules); });
    if (!done && is_absent(done.error().error_number())) return {};
    return done;
}

}  // namespace xdemux
