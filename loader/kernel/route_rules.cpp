// SPDX-License-Identifier: BSD-2-Clause
#include "route_rules.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "netlink_dump.h"

namespace xdemux {
namespace {

constexpr std::uint32_t suppresses_nothing = 0xffffffff;

struct Rule {
    Family family = Family::ipv4;
    std::uint8_t action = FR_ACT_UNSPEC;
    std::uint32_t table = 0;
    bool conditional = false;
};

/// Whether the attribute leaves it to no condition which packets take the rule, or which of the table's routes.
bool is_no_condition(const nlattr* attribute) {
    switch (nla_type(attribute)) {
        case FRA_PAD:
        case FRA_TABLE:
        case FRA_PRIORITY:
        case FRA_PROTOCOL:  // who made it
        case FRA_GOTO:
            return true;
        case FRA_SUPPRESS_PREFIXLEN:
            return attribute_or_zero<std::uint32_t>(attribute) == suppresses_nothing;
        default:
            return false;
    }
}

std::optional<Rule> read_rule(const nlmsghdr& message) {
    fib_rule_hdr header{};
    if (message.nlmsg_type != RTM_NEWRULE || nlmsg_datalen(&message) < static_cast<int>(sizeof header))
        return std::nullopt;
    std::memcpy(&header, nlmsg_data(&message), sizeof header);
    if (header.family != AF_INET && header.family != AF_INET6) return std::nullopt;

    Rule rule;
    rule.family = header.family == AF_INET ? Family::ipv4 : Family::ipv6;
    rule.action = header.action;
    rule.conditional =
        header.src_len != 0 || header.dst_len != 0 || header.tos != 0 || (header.flags & FIB_RULE_INVERT) != 0;
    nlattr* attribute = nullptr;
    int left = 0;
    nlmsg_for_each_attr(attribute, &message, sizeof header, left) {
        if (nla_type(attribute) == FRA_TABLE) rule.table = attribute_or_zero<std::uint32_t>(attribute);
        if (!is_no_condition(attribute)) rule.conditional = true;
    }
    return rule;
}

/// The rules of one family, as they come: by priority.
class RuleWalk {
  public:
    void add(const Rule& rule) {
        seen_ = true;
        if (ended_ || rule.conditional || rule.action == FR_ACT_NOP) return;
        if (rule.action == FR_ACT_TO_TBL) tables_.insert(rule.table);
        // Past main, or where every packet is refused or jumps, who comes later may not be asked.
        ended_ = rule.action != FR_ACT_TO_TBL || rule.table == RT_TABLE_MAIN;
    }
    /// Without rules of its family in the kernel, there is one table (CONFIG_IPV6_MULTIPLE_TABLES).
    [[nodiscard]] std::set<std::uint32_t> tables() const {
        return seen_ ? tables_ : std::set<std::uint32_t>{RT_TABLE_MAIN};
    }

  private:
    std::set<std::uint32_t> tables_;
    bool seen_ = false;
    bool ended_ = false;
};

}  // namespace

Result<RuledTables> unconditional_tables() {
    fib_rule_hdr header{};
    header.family = AF_UNSPEC;
    std::map<Family, RuleWalk> walks;
    const Status done = netlink_dump(
        {NETLINK_ROUTE, RTM_GETRULE, std::as_bytes(std::span(&header, 1))}, "cannot list the routing rules",
        [&] { walks.clear(); },
        [&](const nlmsghdr& message) {
            if (const auto rule = read_rule(message)) walks[rule->family].add(*rule);
        });
    if (!done && done.error().error_number() != EOPNOTSUPP) return fail(done.error());
    return RuledTables{{Family::ipv4, walks[Family::ipv4].tables()}, {Family::ipv6, walks[Family::ipv6].tables()}};
}

}  // namespace xdemux
