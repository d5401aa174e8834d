/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <bpf/bpf_helpers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAME_ROOM (1 << 17)
#define HEADROOM 256
#define MOST_RUN 256 /* allocations of one run */
#define MOST_KEPT 8

static uint8_t* memory; /* FRAME_ROOM bytes, then a page that may not be touched */
static size_t frame_size;
static size_t fragments; /* bytes of the packet that are not in the linear part */
static struct xdp_md context;

static const uint8_t* choices;
static size_t choices_left;

static void* allocated[MOST_RUN];
static size_t allocations;
static int open_sockets;
static __u64 now;

static struct {
    const void* map;
    void* values;
} kept[MOST_KEPT];

static void die(const char* why) {
    fprintf(stderr, "the program broke a rule: %s\n", why);
    abort();
}

void world_draw(void* to, size_t size) {
    size_t there = size < choices_left ? size : choices_left;

    memset(to, 0, size);
    memcpy(to, choices, there);
    choices += there;
    choices_left -= there;
}

static uint8_t draw_byte(void) {
    uint8_t byte;

    world_draw(&byte, 1);
    return byte;
}

/* Of exactly this size, so that the sanitizer sees what is touched behind it. */
static void* allocate(size_t size) {
    if (allocations == MOST_RUN) die("more look-ups than a packet needs");
    return allocated[allocations++] = calloc(1, size);
}

static void place_frame(void) {
    context.data = (__u32)(uintptr_t)(memory + FRAME_ROOM - frame_size);
    context.data_end = (__u32)(uintptr_t)(memory + FRAME_ROOM);
}

static void map_memory(void) {
    long page = sysconf(_SC_PAGESIZE);

    memory =
        mmap(NULL, FRAME_ROOM + (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + FRAME_ROOM, (size_t)page, PROT_NONE)) {
        perror("cannot make room for a frame");
        abort();
    }
}

void world_begin(const uint8_t* frame, size_t size, const uint8_t* metadata, size_t metadata_size,
                 const uint8_t* the_choices, size_t choices_size) {
    if (!memory) map_memory();
    choices = the_choices;
    choices_left = choices_size;
    frame_size = size;
    place_frame();
    memcpy((void*)(uintptr_t)context.data, frame, size);
    context.data_meta = context.data - (__u32)metadata_size;
    memcpy((void*)(uintptr_t)context.data_meta, metadata, metadata_size);
    context.ingress_ifindex = draw_byte();
    /* No driver splits off a part of a short frame that ends inside its IP packet. */
    fragments = size >= 1024 && draw_byte() & 1 ? (size_t)draw_byte() * 64 : 0;
    now += draw_byte() * 1000000ull;
}

struct xdp_md* world_context(void) {
    return &context;
}

const uint8_t* world_frame(size_t* size) {
    *size = frame_size;
    return (const uint8_t*)(uintptr_t)context.data;
}

void world_end(void) {
    while (allocations)
        free(allocated[--allocations]);
    if (open_sockets) die("a socket was not given back");
}

void world_keep(const void* map, void* values) {
    size_t i;

    for (i = 0; kept[i].map; i++)
        ;
    kept[i].map = map;
    kept[i].values = values;
}

void* world_writable(const volatile void* constant, size_t size) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)constant & ~(page - 1);
    uintptr_t end = (uintptr_t)constant + size;

    if (mprotect((void*)first, end - first, PROT_READ | PROT_WRITE)) {
        perror("cannot make a constant writable");
        abort();
    }
    return (void*)(uintptr_t)constant;
}

static int is_array(size_t type) {
    return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* What a table holds is the input's choice: in an array every index has a value, elsewhere half of
 * the keys are not there. */
void* world_lookup(struct world_map map, const void* key) {
    uint8_t touched[256];
    void* value;
    size_t i;
    __u32 index = 0;

    memcpy(touched, key, map.key_size);
    if (is_array(map.type)) {
        memcpy(&index, key, sizeof(index));
        if (index >= map.entries) return NULL;
        for (i = 0; i < MOST_KEPT; i++)
            if (kept[i].map == map.map) return (uint8_t*)kept[i].values + index * map.value_size;
    } else if (draw_byte() & 1) {
        return NULL;
    }
    value = allocate(map.value_size);
    world_draw(value, map.value_size);
    world_shape(map.map, value);
    return value;
}

long world_update(struct world_map map, const void* key, const void* value) {
    uint8_t touched[512];

    memcpy(touched, key, map.key_size);
    memcpy(touched + map.key_size, value, map.value_size);
    return draw_byte() & 1 ? -7 : 0;
}

struct bpf_sock* world_socket(const struct bpf_sock_tuple* tuple, __u32 size) {
    uint8_t touched[sizeof(*tuple)];
    struct bpf_sock* sk;

    memcpy(touched, tuple, size);
    if (draw_byte() & 1) return NULL;
    sk = allocate(sizeof(*sk));
    sk->state = draw_byte() % 13;
    open_sockets++;
    return sk;
}

long bpf_sk_release(struct bpf_sock* sk) {
    if (!sk || !open_sockets) die("a socket was given back that was not lent");
    open_sockets--;
    return 0;
}

/* The fuzzer runs XDP's program alone; the other one is compiled with it. */
long bpf_sk_assign(struct bpf_sk_lookup* ctx, struct bpf_sock* sk, __u64 flags) {
    (void)ctx;
    (void)sk;
    (void)flags;
    die("a socket was chosen for an XDP program");
    return 0;
}

__s64 bpf_csum_diff(const void* from, __u32 from_size, const void* to, __u32 to_size, __u32 seed) {
    const uint8_t* bytes = to;
    __u64 sum = seed;
    __u32 i;

    if (from || from_size || to_size % 4 || to_size > 512)
        die("a checksum is asked for as the kernel does not give it");
    for (i = 0; i < to_size; i++)
        sum += (__u64)bytes[i] << 8 * (i & 1);
    while (sum >> 32)
        sum = (sum & 0xffffffff) + (sum >> 32);
    return (__s64)sum;
}

/* Whoever is to have the packet may be gone. */
int world_redirect(void) {
    return draw_byte() & 1 ? XDP_REDIRECT : XDP_ABORTED;
}

long bpf_check_mtu(struct xdp_md* ctx, __u32 ifindex, __u32* mtu, __s32 delta, __u64 flags) {
    (void)ctx;
    (void)ifindex;
    (void)delta;
    (void)flags;
    *mtu = draw_byte();
    return draw_byte() & 1;
}

long bpf_fib_lookup(struct xdp_md* ctx, struct bpf_fib_lookup* params, int size, __u32 flags) {
    uint8_t touched[sizeof(*params)];

    (void)ctx;
    (void)flags;
    memcpy(touched, params, (size_t)size);
    return draw_byte() % 9;
}

__u64 bpf_ktime_get_ns(void) {
    return now += draw_byte();
}

__u64 bpf_ktime_get_coarse_ns(void) {
    return now & ~0xfffffull;
}

__u64 bpf_jiffies64(void) {
    return now / 4000000;
}

long world_loop(__u32 times, long (*each)(__u32 index, void* with), void* with) {
    __u32 i;

    for (i = 0; i < times; i++)
        if (each(i, with)) return i + 1;
    return i;
}

__u32 bpf_get_prandom_u32(void) {
    return draw_byte() * 0x01010101u;
}

__u64 bpf_xdp_get_buff_len(struct xdp_md* ctx) {
    return ctx->data_end - ctx->data + fragments;
}

long bpf_xdp_load_bytes(struct xdp_md* ctx, __u32 offset, void* to, __u32 len) {
    __u32 linear = ctx->data_end - ctx->data, i;

    if (offset + len > linear + fragments) return -22;
    for (i = 0; i < len; i++)
        ((uint8_t*)to)[i] = offset + i < linear ? ((uint8_t*)(uintptr_t)ctx->data)[offset + i] : 0;
    return 0;
}

long bpf_xdp_adjust_head(struct xdp_md* ctx, int delta) {
    long size = (long)frame_size - delta;

    if (size < 14 || delta < -HEADROOM) return -22;
    frame_size = (size_t)size;
    place_frame();
    ctx->data_meta = ctx->data;
    return 0;
}

/* What is not in the linear part goes first. The frame still ends where memory does. */
long bpf_xdp_adjust_tail(struct xdp_md* ctx, int delta) {
    uint8_t* from = (uint8_t*)(uintptr_t)ctx->data;
    long whole = (long)(frame_size + fragments) + delta;
    long size = delta < 0 && whole > (long)frame_size ? (long)frame_size : whole;
    size_t kept_size = size < (long)frame_size ? (size_t)size : frame_size;

    if (size < 14 || delta > HEADROOM || (fragments && delta > 0)) return -22;
    fragments = whole > size ? (size_t)(whole - size) : 0;
    frame_size = (size_t)size;
    place_frame();
    memmove((void*)(uintptr_t)ctx->data, from, kept_size);
    memset((uint8_t*)(uintptr_t)ctx->data + kept_size, 0, frame_size - kept_size);
    ctx->data_meta = ctx->data;
    return 0;
}

void* world_reserve(__u64 size) {
    return draw_byte() & 1 ? NULL : allocate(size);
}

void bpf_ringbuf_submit(void* data, __u64 flags) {
    (void)flags;
    if (!data) die("nothing was submitted");
}
