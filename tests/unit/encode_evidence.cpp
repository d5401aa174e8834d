// SPDX-License-Identifier: BSD-2-Clause
#include <cstdio>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <xdemux/kernel/encode_evidence.h>
#include <xdemux/kernel/upstream.h>

namespace xdemux::test::encode_evidence {
namespace {

Address address(std::string_view text) {
    return Address::parse(text).value();
}

TEST(EncodeEvidence, ASourceGoesBothWays) {
    for (const char* text : {"192.0.2.9", "2001:db8::9", "102:304::"})
        EXPECT_EQ(decode(encode_source(address(text))), address(text));
    const contract::block_source ipv4 = encode_source(address("1.2.3.4"));
    EXPECT_EQ(ipv4.family, contract::FAMILY_IPV4);
    EXPECT_EQ(ipv4.addr[3], 4);
    EXPECT_EQ(ipv4.addr[4], 0);
}

TEST(EncodeEvidence, AFreeSlotIsNobody) {
    contract::scanner slot{};
    slot.packets = 7;
    EXPECT_FALSE(decode(slot));
}

TEST(EncodeEvidence, ASlotIsReadWhole) {
    contract::scanner slot{};
    slot.addr[0] = 0x20;
    slot.addr[15] = 9;
    slot.first_seen = 5;
    slot.last_seen = 6;
    slot.packets = 7;
    slot.family = contract::FAMILY_IPV6;
    slot.protocols = 3;
    slot.tcp_flags = 0x12;
    slot.endpoints[0] = 8;
    slot.endpoints[2] = 10;
    slot.addresses = 11;
    const auto read = decode(slot);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->source, address("2000::9"));
    EXPECT_EQ(read->first_seen, 5U);
    EXPECT_EQ(read->last_seen, 6U);
    EXPECT_EQ(read->packets, 7U);
    EXPECT_EQ(read->protocols, 3);
    EXPECT_EQ(read->tcp_flags, 0x12);
    EXPECT_EQ(read->endpoints, (EndpointBits{8, 0, 10}));
    EXPECT_EQ(read->addresses, 11U);
}

TEST(Resolvers, AreTheNameserverLines) {
    const std::string path = "/tmp/xdemux-resolv-" + std::to_string(::getpid());
    std::ofstream(path) << "# nameserver 192.0.2.1\nsearch example\nnameserver 192.0.2.53\n  nameserver\tfe80::1%eth0\n"
                           "nameserver nonsense\nnameserver\n";
    EXPECT_THAT(resolvers(path), ::testing::ElementsAre(address("192.0.2.53"), address("fe80::1")));
    std::remove(path.c_str());
    EXPECT_TRUE(resolvers(path).empty());
}

}  // namespace
}  // namespace xdemux::test::encode_evidence
