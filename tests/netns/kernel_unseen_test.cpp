// SPDX-License-Identifier: BSD-2-Clause
// Who receives packets without a socket that the kernel's look-up sees: packet and raw sockets, rules of nftables.
#include <algorithm>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netpacket/packet.h>
#include <sys/socket.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/proc_net.h>
#include <xdemux/kernel/process.h>
#include <xdemux/kernel/rewrite_rules.h>

#include "support/netns_fixture.h"

namespace xdemux::test::kernel_unseen_test {
namespace {

class KernelUnseen : public NetnsTest {};

TEST_F(KernelUnseen, a_packet_socket_with_its_device_and_owner) {
    const Fd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_IP);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(near_device));
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const auto found = packet_sockets();
    ASSERT_TRUE(found) << found.error().message();
    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ(found->front().ethertype, ETH_P_IP);
    EXPECT_EQ(found->front().ifindex, ::if_nametoindex(near_device));
    EXPECT_EQ(socket_owners().at(found->front().inode).pid, ::getpid());
    EXPECT_TRUE(socket_inodes(::getpid()).contains(found->front().inode));
}

TEST_F(KernelUnseen, raw_sockets_of_both_families) {
    const Fd ipv4(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP));
    const Fd ipv6(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
    const auto found = raw_sockets();
    ASSERT_TRUE(found) << found.error().message();
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[0].family, Family::ipv4);
    EXPECT_EQ((*found)[0].protocol, IPPROTO_UDP);
    EXPECT_EQ((*found)[1].family, Family::ipv6);
    EXPECT_EQ((*found)[1].protocol, IPPROTO_TCP);
}

/// A transaction of nftables, as `nft` would send it: one message for each thing that is made.
class NftBatch {
  public:
    NftBatch() : socket_(::nl_socket_alloc()) {
        if (::nl_connect(socket_, NETLINK_NETFILTER) < 0) throw std::runtime_error("no netlink socket");
        ::nl_socket_disable_auto_ack(socket_);
        control(NFNL_MSG_BATCH_BEGIN);
    }
    ~NftBatch() { ::nl_socket_free(socket_); }
    NftBatch(const NftBatch&) = delete;
    NftBatch& operator=(const NftBatch&) = delete;

    void table(int type) {
        nl_msg* message = begin(type, NLM_F_CREATE);
        ::nla_put_string(message, NFTA_TABLE_NAME, "xdtest");
        end(message);
    }
    void nat_chain() {
        nl_msg* message = begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
        ::nla_put_string(message, NFTA_CHAIN_TABLE, "xdtest");
        ::nla_put_string(message, NFTA_CHAIN_NAME, "pre");
        ::nla_put_string(message, NFTA_CHAIN_TYPE, "nat");
        nlattr* hook = ::nla_nest_start(message, NFTA_CHAIN_HOOK);
        ::nla_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(NF_INET_PRE_ROUTING));
        ::nla_put_u32(message, NFTA_HOOK_PRIORITY, htonl(static_cast<std::uint32_t>(-100)));
        ::nla_nest_end(message, hook);
        end(message);
    }
    /// tcp dport FIRST-LAST redirect
    void redirect(std::uint16_t first, std::uint16_t last) {
        nl_msg* message = begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
        ::nla_put_string(message, NFTA_RULE_TABLE, "xdtest");
        ::nla_put_string(message, NFTA_RULE_CHAIN, "pre");
        nlattr* expressions = ::nla_nest_start(message, NFTA_RULE_EXPRESSIONS);
        expression(message, "meta", [&] {
            ::nla_put_u32(message, NFTA_META_DREG, htonl(NFT_REG_1));
            ::nla_put_u32(message, NFTA_META_KEY, htonl(NFT_META_L4PROTO));
        });
        const std::uint8_t tcp = IPPROTO_TCP;
        compare(message, NFT_CMP_EQ, &tcp, sizeof tcp);
        expression(message, "payload", [&] {
            ::nla_put_u32(message, NFTA_PAYLOAD_DREG, htonl(NFT_REG_1));
            ::nla_put_u32(message, NFTA_PAYLOAD_BASE, htonl(NFT_PAYLOAD_TRANSPORT_HEADER));
            ::nla_put_u32(message, NFTA_PAYLOAD_OFFSET, htonl(2));
            ::nla_put_u32(message, NFTA_PAYLOAD_LEN, htonl(2));
        });
        const std::uint16_t low = htons(first);
        const std::uint16_t high = htons(last);
        compare(message, first == last ? NFT_CMP_EQ : NFT_CMP_GTE, &low, sizeof low);
        if (first != last) compare(message, NFT_CMP_LTE, &high, sizeof high);
        expression(message, "redir", [] {});
        ::nla_nest_end(message, expressions);
        end(message);
    }
    /// Sends it; the kernel answers errors alone.
    int commit() {
        control(NFNL_MSG_BATCH_END);
        const timeval patience{0, 200'000};
        ::setsockopt(::nl_socket_get_fd(socket_), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (::nl_sendto(socket_, bytes_.data(), bytes_.size()) < 0) return -1;
        return ::nl_recvmsgs_default(socket_);
    }

  private:
    nl_msg* begin(int type, int flags) {
        nl_msg* message = ::nlmsg_alloc();
        ::nlmsg_put(message, 0, ++sequence_, NFNL_SUBSYS_NFTABLES << 8 | type, 0, NLM_F_REQUEST | NLM_F_ACK | flags);
        const nfgenmsg header{NFPROTO_IPV4, NFNETLINK_V0, 0};
        ::nlmsg_append(message, const_cast<nfgenmsg*>(&header), sizeof header, NLMSG_ALIGNTO);
        return message;
    }
    void end(nl_msg* message) {
        const nlmsghdr* header = ::nlmsg_hdr(message);
        bytes_.append(reinterpret_cast<const char*>(header), header->nlmsg_len);
        bytes_.resize(NLMSG_ALIGN(bytes_.size()));
        ::nlmsg_free(message);
    }
    void control(int type) {
        nl_msg* message = ::nlmsg_alloc();
        ::nlmsg_put(message, 0, ++sequence_, type, 0, NLM_F_REQUEST);
        const nfgenmsg header{NFPROTO_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
        ::nlmsg_append(message, const_cast<nfgenmsg*>(&header), sizeof header, NLMSG_ALIGNTO);
        end(message);
    }
    template <typename Fill>
    static void expression(nl_msg* message, const char* name, Fill fill) {
        nlattr* element = ::nla_nest_start(message, NFTA_LIST_ELEM);
        ::nla_put_string(message, NFTA_EXPR_NAME, name);
        nlattr* data = ::nla_nest_start(message, NFTA_EXPR_DATA);
        fill();
        ::nla_nest_end(message, data);
        ::nla_nest_end(message, element);
    }
    static void compare(nl_msg* message, std::uint32_t operation, const void* with, int size) {
        expression(message, "cmp", [&] {
            ::nla_put_u32(message, NFTA_CMP_SREG, htonl(NFT_REG_1));
            ::nla_put_u32(message, NFTA_CMP_OP, htonl(operation));
            nlattr* data = ::nla_nest_start(message, NFTA_CMP_DATA);
            ::nla_put(message, NFTA_DATA_VALUE, size, with);
            ::nla_nest_end(message, data);
        });
    }

    nl_sock* socket_;
    std::uint32_t sequence_ = 1;
    std::string bytes_;
};

TEST_F(KernelUnseen, rules_of_nftables_that_redirect) {
    EXPECT_EQ(rewrite_rules(), std::vector<RewriteRule>{}) << "a namespace of its own has none";
    {
        NftBatch batch;
        batch.table(NFT_MSG_NEWTABLE);
        batch.nat_chain();
        batch.redirect(8080, 8080);
        batch.redirect(9000, 9010);
        batch.commit();
    }
    const auto found = rewrite_rules();
    {
        NftBatch batch;
        batch.table(NFT_MSG_DELTABLE);
        batch.commit();
    }
    ASSERT_TRUE(found) << found.error().message();
    const RewriteRule one{RewriteKind::destination, Family::ipv4, Proto::tcp, PortRange::one(8080),
                          "nft ip xdtest pre"};
    RewriteRule several = one;
    several.ports = PortRange{9000, 9010};
    EXPECT_EQ(*found, (std::vector<RewriteRule>{one, several}));
    EXPECT_EQ(rewrite_rules(), std::vector<RewriteRule>{}) << "it is gone";
}

}  // namespace
}  // namespace xdemux::test::kernel_unseen_test
