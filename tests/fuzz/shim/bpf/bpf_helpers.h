/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in the place of libbpf's header when the BPF sources are compiled for user space: the same
 * names, answered by world.c. A map is known at each call by its declaration, whose sizes it
 * carries. It holds no state.
 */
#ifndef XDEMUX_FUZZ_BPF_HELPERS_H
#define XDEMUX_FUZZ_BPF_HELPERS_H

#include <linux/bpf.h>
#include <stddef.h>

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value)* name
#define __array(name, value) typeof(value)* name[1]
#undef __always_inline /* glibc's means less */
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define barrier() __asm__ volatile("" ::: "memory")
#define barrier_var(var) __asm__ volatile("" : "+r"(var))

#define WORLD_MAP(map)                                                                                        \
    ((struct world_map){(map), sizeof(*(map)->type) / sizeof(int), sizeof(*(map)->max_entries) / sizeof(int), \
                        sizeof(*(map)->key), sizeof(*(map)->value)})

/* A map at a call: its declaration, and what that says. */
struct world_map {
    const void* map;
    size_t type;
    size_t entries;
    size_t key_size;   /* bytes */
    size_t value_size; /* bytes */
};

void* world_lookup(struct world_map map, const void* key);
long world_update(struct world_map map, const void* key, const void* value);
#define bpf_map_lookup_elem(map, key) world_lookup(WORLD_MAP(map), (key))
#define bpf_map_update_elem(map, key, value, flags) world_update(WORLD_MAP(map), (key), (value))

struct bpf_sock* world_socket(const struct bpf_sock_tuple* tuple, __u32 size);
#define bpf_skc_lookup_tcp(ctx, tuple, size, netns, flags) world_socket((tuple), (size))
#define bpf_sk_lookup_udp(ctx, tuple, size, netns, flags) world_socket((tuple), (size))
long bpf_sk_release(struct bpf_sock* sk);
long bpf_sk_assign(struct bpf_sk_lookup* ctx, struct bpf_sock* sk, __u64 flags);

int world_redirect(void);
#define bpf_redirect_map(map, key, flags) ((void)(key), world_redirect())
long bpf_check_mtu(struct xdp_md* ctx, __u32 ifindex, __u32* mtu, __s32 delta, __u64 flags);

long bpf_fib_lookup(struct xdp_md* ctx, struct bpf_fib_lookup* params, int size, __u32 flags);
__u64 bpf_ktime_get_ns(void);
__u64 bpf_ktime_get_coarse_ns(void);
__u64 bpf_jiffies64(void);
__u32 bpf_get_prandom_u32(void);

long world_loop(__u32 times, long (*each)(__u32 index, void* with), void* with);
#define bpf_loop(times, each, with, flags) world_loop((times), (long (*)(__u32, void*))(each), (with))

__s64 bpf_csum_diff(const void* from, __u32 from_size, const void* to, __u32 to_size, __u32 seed);
__u64 bpf_xdp_get_buff_len(struct xdp_md* ctx);
long bpf_xdp_load_bytes(struct xdp_md* ctx, __u32 offset, void* to, __u32 len);
long bpf_xdp_adjust_head(struct xdp_md* ctx, int delta);
long bpf_xdp_adjust_tail(struct xdp_md* ctx, int delta);

void* world_reserve(__u64 size);
void bpf_ringbuf_submit(void* data, __u64 flags);
#define bpf_ringbuf_reserve(ring, size, flags) world_reserve(size)

#endif
