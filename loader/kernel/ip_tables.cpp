// SPDX-License-Identifier: BSD-2-Clause
// The rules of the older iptables, by the socket options that iptables-save itself uses. Only tables that exist are
// asked for: asking for another would make it.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include <fmt/format.h>

// The kernel's headers give way to the C library's where these come first.
// clang-format off
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
// clang-format on

#include <xdemux/base/fd.h>

#include "rewrite_parts.h"

namespace xdemux {
namespace {

struct Ipv4Tables {
    using Entry = ipt_entry;
    using Info = ipt_getinfo;
    static constexpr Family family = Family::ipv4;
    static constexpr const char* name = "iptables";
    static constexpr const char* list = "/proc/thread-self/net/ip_tables_names";
    static constexpr int socket_family = AF_INET;
    static constexpr int level = IPPROTO_IP;
    static constexpr int get_info = IPT_SO_GET_INFO;
    static constexpr int get_entries = IPT_SO_GET_ENTRIES;
    static std::optional<Proto> proto(const Entry& entry) {
        if ((entry.ip.invflags & IPT_INV_PROTO) != 0) return std::nullopt;
        return proto_of_number(entry.ip.proto);
    }
};

struct Ipv6Tables {
    using Entry = ip6t_entry;
    using Info = ip6t_getinfo;
    static constexpr Family family = Family::ipv6;
    static constexpr const char* name = "ip6tables";
    static constexpr const char* list = "/proc/thread-self/net/ip6_tables_names";
    static constexpr int socket_family = AF_INET6;
    static constexpr int level = IPPROTO_IPV6;
    static constexpr int get_info = IP6T_SO_GET_INFO;
    static constexpr int get_entries = IP6T_SO_GET_ENTRIES;
    static std::optional<Proto> proto(const Entry& entry) {
        if ((entry.ipv6.flags & IP6T_F_PROTO) == 0 || (entry.ipv6.invflags & IP6T_INV_PROTO) != 0) return std::nullopt;
        return proto_of_number(entry.ipv6.proto);
    }
};

/// The first `size` bytes of a name that may lack its end.
template <std::size_t Size>
std::string_view bounded(const char (&name)[Size]) {
    return {name, ::strnlen(name, Size)};
}

/// Copies a struct that begins at `offset`; false where not all of it is there.
template <typename T>
bool copy_at(std::span<const std::byte> bytes, std::size_t offset, T& value) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof value) return false;
    std::memcpy(static_cast<void*>(&value), bytes.data() + offset, sizeof value);
    return true;
}

/// `bytes` is one entry: the header, the matches, the target.
template <typename Tables>
void read_entry(const typename Tables::Entry& entry, std::span<const std::byte> bytes, std::string_view table,
                std::vector<RewriteRule>& rules) {
    xt_entry_target target{};
    if (!copy_at(bytes, entry.target_offset, target)) return;
    const auto kind = kind_of_target(bounded(target.u.user.name));
    if (!kind) return;
    RewriteRule rule{*kind, Tables::family, Tables::proto(entry), {}, fmt::format("{} {}", Tables::name, table)};
    std::size_t offset = sizeof(typename Tables::Entry);
    while (offset < entry.target_offset) {
        xt_entry_match match;
        if (!copy_at(bytes, offset, match)) break;
        const std::size_t size = match.u.match_size;
        if (size < sizeof match || size > bytes.size() - offset) break;
        apply_xt_match(bounded(match.u.user.name), bytes.subspan(offset + sizeof match, size - sizeof match), rule);
        offset += size;
    }
    rules.push_back(std::move(rule));
}

template <typename Tables>
void read_entries(std::span<const std::byte> bytes, std::string_view table, std::vector<RewriteRule>& rules) {
    typename Tables::Entry entry;
    for (std::size_t offset = 0; copy_at(bytes, offset, entry); offset += entry.next_offset) {
        if (entry.next_offset < sizeof entry || entry.next_offset > bytes.size() - offset) return;
        read_entry<Tables>(entry, bytes.subspan(offset, entry.next_offset), table, rules);
    }
}

/// struct ipt_get_entries and ip6t_get_entries begin alike.
struct EntriesHeader {
    char name[XT_TABLE_MAXNAMELEN];
    unsigned size;
};

template <typename Tables>
Status append_table(const Fd& socket, const std::string& table, std::vector<RewriteRule>& rules) {
    const std::string what = fmt::format("cannot read table \"{}\" of {}", table, Tables::name);
    typename Tables::Info info{};
    if (table.size() >= sizeof info.name) return {};
    std::memcpy(info.name, table.data(), table.size());
    socklen_t size = sizeof info;
    if (::getsockopt(socket.get(), Tables::level, Tables::get_info, &info, &size) != 0) return fail_system(errno, what);

    constexpr std::size_t entries_at = offsetof(ipt_get_entries, entrytable);
    static_assert(entries_at == offsetof(ip6t_get_entries, entrytable));
    std::vector<std::byte> buffer(entries_at + info.size);
    EntriesHeader header{};
    std::memcpy(header.name, table.data(), table.size());
    header.size = info.size;
    std::memcpy(buffer.data(), &header, sizeof header);
    size = static_cast<socklen_t>(buffer.size());
    // EAGAIN: it was changed between the two calls; whoever asks again gets it.
    if (::getsockopt(socket.get(), Tables::level, Tables::get_entries, buffer.data(), &size) != 0)
        return fail_system(errno, what);
    read_entries<Tables>(std::span<const std::byte>(buffer).subspan(entries_at), table, rules);
    return {};
}

template <typename Tables>
Status append_family(std::vector<RewriteRule>& rules) {
    std::ifstream list(Tables::list);
    std::vector<std::string> tables;
    for (std::string table; list >> table;)
        if (table == "nat" || table == "mangle") tables.push_back(table);
    if (tables.empty()) return {};
    const Fd socket(::socket(Tables::socket_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail_system(errno, fmt::format("cannot read the rules of {}", Tables::name));
    for (const auto& table : tables) {
        if (auto done = append_table<Tables>(socket, table, rules); !done) return done;
    }
    return {};
}

}  // namespace

Status append_iptables_rules(std::vector<RewriteRule>& rules) {
    if (auto done = append_family<Ipv4Tables>(rules); !done) return done;
    return append_family<Ipv6Tables>(rules);
}

}  // namespace xdemux
