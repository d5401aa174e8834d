// SPDX-License-Identifier: BSD-2-Clause
// Yardsticks: the least that a step can cost on this machine, timed beside the rows that contain it, so that a figure
// can be read on a faster or slower one. They decide nothing and check next to nothing.
//
// bpf_helpers.h wants the types of linux/bpf.h.
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#define PORT_INDEXES 131072
#define PLAIN_HEADERS 48  // Ethernet, IPv4, and what both transports begin with
#define AF_INET 2

struct count {
    __u64 packets;
    __u64 bytes;
};

struct answer {
    __u32 listener[2];
    __u8 target[8];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, PORT_INDEXES);
    __type(key, __u32);
    __type(value, struct answer);
} answers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, PORT_INDEXES);
    __type(key, __u32);
    __type(value, struct count);
} ports SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, struct count);
} listeners SEC(".maps"), reasons SEC(".maps");

static __always_inline void add(struct count* count, __u32 bytes) {
    if (!count) return;
    count->packets++;
    count->bytes += bytes;
}

// The port read where it stands in an IPv4 packet without options, one array asked, three counters written.
SEC("xdp.frags")
int least_demux(struct xdp_md* ctx) {
    const __u8* frame = (void*)(long)ctx->data;
    const struct answer* answer;
    __u32 index, zero = 0;
    __u64 length;

    if ((void*)(frame + PLAIN_HEADERS) > (void*)(long)ctx->data_end) return XDP_ABORTED;
    length = (void*)(long)ctx->data_end - (void*)frame;
    index = (frame[23] & 1) << 16 | frame[36] << 8 | frame[37];
    answer = bpf_map_lookup_elem(&answers, &index);
    if (!answer) return XDP_ABORTED;
    add(bpf_map_lookup_elem(&reasons, &zero), length);
    add(bpf_map_lookup_elem(&listeners, &answer->listener[0]), length);
    add(bpf_map_lookup_elem(&ports, &index), length);
    return answer->target[0] ? XDP_ABORTED : XDP_PASS;
}

// The kernel asked for a socket alone.
SEC("xdp.frags")
int tcp_lookup(struct xdp_md* ctx) {
    const __u8* frame = (void*)(long)ctx->data;
    struct bpf_sock_tuple tuple = {};
    struct bpf_sock* sk;

    if ((void*)(frame + PLAIN_HEADERS) > (void*)(long)ctx->data_end) return XDP_ABORTED;
    __builtin_memcpy(&tuple.ipv4, frame + 26, sizeof(tuple.ipv4));
    sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
    if (!sk) return XDP_DROP;
    bpf_sk_release(sk);
    return XDP_PASS;
}

// The kernel asked for a route alone.
SEC("xdp.frags")
int route_lookup(struct xdp_md* ctx) {
    const __u8* frame = (void*)(long)ctx->data;
    struct bpf_fib_lookup fib = {.family = AF_INET};

    if ((void*)(frame + PLAIN_HEADERS) > (void*)(long)ctx->data_end) return XDP_ABORTED;
    fib.l4_protocol = frame[23];
    fib.ifindex = ctx->ingress_ifindex;
    __builtin_memcpy(&fib.ipv4_src, frame + 26, sizeof(fib.ipv4_src));
    __builtin_memcpy(&fib.ipv4_dst, frame + 30, sizeof(fib.ipv4_dst));
    return bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) == BPF_FIB_LKUP_RET_NOT_FWDED ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
