// SPDX-License-Identifier: BSD-2-Clause
// /proc/net as the kernel writes it.
#include <sstream>

#include <gmock/gmock.h>

#include <xdemux/kernel/proc_net.h>

namespace xdemux::test::kernel_proc_net {
namespace {

using ::testing::IsEmpty;

TEST(ProcNet, packet_sockets) {
    std::istringstream text(
        "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"
        "00000000d2f6c0f5 3      3    0003   0     1 0      0      31337 \n"
        "00000000aa0fbe30 3      2    0800   2     1 0      0      4711  \n");
    const auto sockets = parse_packet_sockets(text);
    ASSERT_EQ(sockets.size(), 2U);
    EXPECT_EQ(sockets[0].ethertype, 0x0003);
    EXPECT_EQ(sockets[0].ifindex, 0U);
    EXPECT_EQ(sockets[1].ethertype, 0x0800);
    EXPECT_EQ(sockets[1].ifindex, 2U);
    EXPECT_EQ(sockets[1].inode, 4711U);
}

TEST(ProcNet, raw_sockets_of_both_families) {
    std::istringstream ipv4(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer "
        "drops\n"
        "   6: 00000000:0006 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 815 2 "
        "00000000f2a1b0c0 0\n");
    const auto sockets = parse_raw_sockets(ipv4, Family::ipv4);
    ASSERT_EQ(sockets.size(), 1U);
    EXPECT_EQ(sockets[0].protocol, 6);
    EXPECT_EQ(sockets[0].inode, 815U);
    std::istringstream ipv6(
        "  sl  local_address                         remote_address                        st ...\n"
        "  58: 00000000000000000000000000000000:003A 00000000000000000000000000000000:0000 07 00000000:00000000 "
        "00:00000000 00000000     0        0 816 2 00000000f2a1b0c0 0\n");
    const auto others = parse_raw_sockets(ipv6, Family::ipv6);
    ASSERT_EQ(others.size(), 1U);
    EXPECT_EQ(others[0].protocol, 58);
    EXPECT_EQ(others[0].family, Family::ipv6);
}

TEST(ProcNet, virtual_services_by_address_and_by_mark) {
    std::istringstream text(
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
        "TCP  C000020A:0050 rr  \n"
        "  -> 0A000001:0050      Masq    1      0          0         \n"
        "UDP  [2001:0db8:0000:0000:0000:0000:0000:000a]:0035 wrr  \n"
        "FWM  00000001 rr  \n");
    const auto services = parse_virtual_services(text);
    ASSERT_EQ(services.size(), 3U);
    EXPECT_EQ(services[0].proto, Proto::tcp);
    EXPECT_EQ(services[0].address->to_string(), "192.0.2.10:80");
    EXPECT_EQ(services[1].proto, Proto::udp);
    EXPECT_EQ(services[1].address->to_string(), "[2001:db8::a]:53");
    EXPECT_FALSE(services[2].proto);
    EXPECT_FALSE(services[2].address);
}

TEST(ProcNet, what_is_cut_or_empty_yields_nothing) {
    std::istringstream cut("sk RefCnt\n00000000d2f6c0f5 3 3 zz 0 1 0 0 1\n00000000d2f6c0f5 3 3 0003\n");
    EXPECT_THAT(parse_packet_sockets(cut), IsEmpty());
    std::istringstream empty;
    EXPECT_THAT(parse_raw_sockets(empty, Family::ipv4), IsEmpty());
    std::istringstream wrong("TCP  C000020A rr\nTCP  [zz]:0050 rr\n");
    EXPECT_THAT(parse_virtual_services(wrong), IsEmpty());
}

}  // namespace
}  // namespace xdemux::test::kernel_proc_net
