// SPDX-License-Identifier: BSD-2-Clause
// Rules of the older iptables, put in place by the socket option that iptables itself uses.
#include <array>
#include <cerrno>
#include <cstring>

#include <gmock/gmock.h>

// The kernel's headers give way to the C library's where these come first.
// clang-format off
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
// clang-format on

#include <xdemux/base/fd.h>
#include <xdemux/kernel/rewrite_rules.h>

#include "support/netns_fixture.h"

namespace xdemux::test::kernel_iptables_test {
namespace {

class KernelIptables : public NetnsTest {};

/// The entries of a table, one behind the other.
class Entries {
  public:
    [[nodiscard]] unsigned size() const { return static_cast<unsigned>(bytes_.size()); }
    [[nodiscard]] unsigned count() const { return count_; }
    [[nodiscard]] const std::string& bytes() const { return bytes_; }

    /// `matches` and `target` in their whole, padded length.
    void add(std::uint16_t protocol, const std::string& matches, const std::string& target) {
        ipt_entry entry{};
        entry.ip.proto = protocol;
        entry.target_offset = static_cast<std::uint16_t>(sizeof entry + matches.size());
        entry.next_offset = static_cast<std::uint16_t>(entry.target_offset + target.size());
        bytes_.append(reinterpret_cast<const char*>(&entry), sizeof entry);
        bytes_ += matches + target;
        ++count_;
    }

  private:
    std::string bytes_;
    unsigned count_ = 0;
};

/// A match or a target: its header and what it is told.
template <typename Header, typename Info>
std::string extension(const char* name, const Info& info) {
    std::string bytes(XT_ALIGN(sizeof(Header) + sizeof info), '\0');
    Header header{};
    header.u.user.target_size = static_cast<std::uint16_t>(bytes.size());
    std::strncpy(header.u.user.name, name, sizeof header.u.user.name - 1);
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + sizeof header, &info, sizeof info);
    return bytes;
}

std::string tcp_match(std::uint16_t first, std::uint16_t last) {
    xt_tcp info{};
    info.spts[1] = 65'535;
    info.dpts[0] = first;
    info.dpts[1] = last;
    std::string bytes(XT_ALIGN(sizeof(xt_entry_match) + sizeof info), '\0');
    xt_entry_match header{};
    header.u.user.match_size = static_cast<std::uint16_t>(bytes.size());
    std::strcpy(header.u.user.name, "tcp");
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + sizeof header, &info, sizeof info);
    return bytes;
}

std::string accept() {
    const int verdict = -NF_ACCEPT - 1;
    return extension<xt_entry_target>("", verdict);
}

std::string redirect() {
    nf_nat_ipv4_multi_range_compat info{};
    info.rangesize = 1;
    return extension<xt_entry_target>("REDIRECT", info);
}

/// Replaces the table "nat" by chains that accept, the first one after `entries`.
int replace_nat(int socket, Entries entries) {
    ipt_getinfo info{};
    std::strcpy(info.name, "nat");
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size) != 0) return -1;
    ipt_replace header;  // clang takes no {} where an array without a size ends it
    std::memset(&header, 0, sizeof header);
    std::strcpy(header.name, "nat");
    header.valid_hooks = info.valid_hooks;
    for (const unsigned hook : {NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING}) {
        header.hook_entry[hook] = hook == NF_INET_PRE_ROUTING ? 0 : entries.size();
        header.underflow[hook] = entries.size();
        entries.add(0, "", accept());
    }
    const std::array<char, XT_FUNCTION_MAXNAMELEN> error = {'E', 'R', 'R', 'O', 'R'};
    entries.add(0, "", extension<xt_entry_target>(XT_ERROR_TARGET, error));
    header.num_entries = entries.count();
    header.size = entries.size();
    std::vector<xt_counters> counters(info.num_entries);
    header.num_counters = info.num_entries;
    header.counters = counters.data();
    const std::string bytes = std::string(reinterpret_cast<const char*>(&header), sizeof header) + entries.bytes();
    return ::setsockopt(socket, IPPROTO_IP, IPT_SO_SET_REPLACE, bytes.data(), static_cast<socklen_t>(bytes.size()));
}

TEST_F(KernelIptables, rules_that_redirect_are_found_with_their_ports) {
    const Fd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    Entries entries;
    entries.add(IPPROTO_TCP, tcp_match(8080, 8090), redirect());
    entries.add(IPPROTO_UDP, "", redirect());
    const int replaced = replace_nat(socket.get(), entries);
    if (replaced != 0 && errno == ENOPROTOOPT) {
        EXPECT_EQ(rewrite_rules(), std::vector<RewriteRule>{}) << "a kernel without iptables";
        return;
    }
    ASSERT_EQ(replaced, 0) << std::strerror(errno);
    const auto found = rewrite_rules();
    ASSERT_EQ(replace_nat(socket.get(), {}), 0) << std::strerror(errno);
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(*found, (std::vector<RewriteRule>{
                          {RewriteKind::destination, Family::ipv4, Proto::tcp, PortRange{8080, 8090}, "iptables nat"},
                          {RewriteKind::destination, Family::ipv4, Proto::udp, std::nullopt, "iptables nat"},
                      }));
    EXPECT_EQ(rewrite_rules(), std::vector<RewriteRule>{}) << "they are gone";
}

}  // namespace
}  // namespace xdemux::test::kernel_iptables_test
