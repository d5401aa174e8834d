// SPDX-License-Identifier: BSD-2-Clause
// Two programs for the bench: the baseline, which only drops, and the mixer, which writes a packet drawn at random into
// the frame and calls the program under test (or the baseline), so that both are timed in the same loop. They look at
// no packet.
//
// bpf_helpers.h wants the types of linux/bpf.h.
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "mix.h"

// User space writes, the mixer reads: the packets to draw from.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, MIX_SAMPLES);
    __type(key, __u32);
    __type(value, struct mix_sample);
} samples SEC(".maps");

// User space writes: whom the mixer calls.
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} next SEC(".maps");

struct mix_peers peers SEC(".data.peers");
__u64 random_state = 88172645463325252ULL;

// A linear congruential generator (Knuth's MMIX); its upper bits are good enough to defeat a branch predictor.
static __always_inline __u32 draw(void) {
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return random_state >> 32;
}

static __always_inline void write_peer(__u8* frame) {
    struct mix_peer peer = mix_peer_of(peers.first + (__u32)(((__u64)draw() * peers.count) >> 32));

    if (peers.ipv6) {
        __builtin_memcpy(frame + 14 + 20, peer.addr, sizeof(peer.addr));
        __builtin_memcpy(frame + 14 + 40, peer.port, sizeof(peer.port));
    } else {
        __builtin_memcpy(frame + 14 + 12, peer.addr, sizeof(peer.addr));
        __builtin_memcpy(frame + 14 + 20, peer.port, sizeof(peer.port));
    }
}

SEC("xdp.frags")
int baseline(struct xdp_md* ctx) {
    (void)ctx;
    return XDP_DROP;
}

SEC("xdp.frags")
int mix(struct xdp_md* ctx) {
    struct mix_sample* frame = (void*)(long)ctx->data;
    __u32 index = draw() % MIX_SAMPLES;
    const struct mix_sample* sample = bpf_map_lookup_elem(&samples, &index);
    int i;

    if (!sample || (void*)(frame + 1) > (void*)(long)ctx->data_end) return XDP_ABORTED;
#pragma unroll
    for (i = 0; i < MIX_SAMPLE_SIZE / 8; i++)
        frame->words[i] = sample->words[i];
    if (peers.count) write_peer((__u8*)frame);
    bpf_tail_call(ctx, &next, 0);
    return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
