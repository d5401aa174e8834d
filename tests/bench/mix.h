// SPDX-License-Identifier: BSD-2-Clause
// What the mixer and the bench that steers it agree upon: valid C and C++. Layouts and one small function, so that the
// peers that the mixer draws are those that user space has filled the tables with.
#ifndef XDEMUX_TESTS_BENCH_MIX_H
#define XDEMUX_TESTS_BENCH_MIX_H

#include <linux/types.h>

#define MIX_SAMPLES 1024    // a power of two
#define MIX_SAMPLE_SIZE 96  // bytes of every frame; a shorter packet is padded, as Ethernet pads
#define MIX_PEERS_MAX (1U << 24)

struct mix_sample {
    __u64 words[MIX_SAMPLE_SIZE / 8];
};

// Which peers send: with a count of zero the samples' own. The port is of the transport header behind a plain IPv4 or
// IPv6 header without a tag.
struct mix_peers {
    __u32 first;
    __u32 count;  // first + count <= MIX_PEERS_MAX
    __u32 ipv6;   // 1: the last four bytes of an IPv6 address
    __u32 zero;
};

struct mix_peer {
    __u8 addr[4];  // 10.0.0.0/8
    __u8 port[2];  // network order, 1024 to 33791
};

// A bijection of the address; the ports are spread, as a host's ephemeral ones are.
static inline struct mix_peer mix_peer_of(__u32 index) {
    __u32 port = 1024 + ((index * 0x9e3779b1U) >> 17);
    struct mix_peer peer = {
        {10, (__u8)(index >> 16), (__u8)(index >> 8), (__u8)index},
        {(__u8)(port >> 8), (__u8)port},
    };
    return peer;
}

#endif
