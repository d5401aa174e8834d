// SPDX-License-Identifier: BSD-2-Clause
// Yardsticks of the look-up of sockets: the least that a step can cost on this machine. See yardstick.bpf.c.
//
// bpf_helpers.h wants the types of linux/bpf.h.
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include <xdemux/contract.h>

struct {
    __uint(type, BPF_MAP_TYPE_SOCKMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} chosen SEC(".maps");

// As many as the bench has listeners, with keys as large. Size: the bench.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1);
    __type(key, struct listen_addr);
    __type(value, __u32);
} addresses SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1);
    __type(key, struct listen_prefix);
    __type(value, __u32);
} prefixes SEC(".maps");

static __always_inline int assign(struct bpf_sk_lookup* ctx, __u32 index) {
    struct bpf_sock* sk = bpf_map_lookup_elem(&chosen, &index);
    long refused;

    if (!sk) return SK_DROP;
    refused = bpf_sk_assign(ctx, sk, BPF_SK_LOOKUP_F_NO_REUSEPORT);
    bpf_sk_release(sk);
    return refused ? SK_DROP : SK_PASS;
}

SEC("sk_lookup")
int baseline(struct bpf_sk_lookup* ctx) {
    (void)ctx;
    return SK_PASS;
}

SEC("sk_lookup")
int assign_alone(struct bpf_sk_lookup* ctx) {
    return assign(ctx, 0);
}

SEC("sk_lookup")
int assign_by_hash(struct bpf_sk_lookup* ctx) {
    struct listen_addr key = {.port = ctx->local_port};
    __u32 address = ctx->local_ip4;
    const __u32* index;

    __builtin_memcpy(key.addr, &address, sizeof(address));
    index = bpf_map_lookup_elem(&addresses, &key);
    return index ? assign(ctx, *index) : SK_DROP;
}

SEC("sk_lookup")
int assign_by_prefix(struct bpf_sk_lookup* ctx) {
    struct listen_prefix key = {.prefixlen = LISTEN_PREFIX_FIXED_BITS + 32, .port = ctx->local_port};
    __u32 address = ctx->local_ip4;
    const __u32* index;

    __builtin_memcpy(key.addr, &address, sizeof(address));
    index = bpf_map_lookup_elem(&prefixes, &key);
    return index ? assign(ctx, *index) : SK_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
