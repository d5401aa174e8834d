/* SPDX-License-Identifier: BSD-2-Clause */
#include "data_path.h"

#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "maps.h"
#include "watch.h"

#ifndef __clang__
#define __builtin_assume(holds)                \
    do {                                       \
        if (!(holds)) __builtin_unreachable(); \
    } while (0)
#endif

/* In the place of bpf/access.h. Its stores are plain ones, which fences keep apart. */
#define XDEMUX_ACCESS_H

static __u64 read_once(const void* word) {
    return watched_load(word, 8);
}

static __u32 read_half_once(const __u32* half) {
    return (__u32)watched_load(half, 4);
}

static void write_once(void* word, __u64 value) {
    watched_store(word, value, 8, WATCHED_RELAXED);
}

static void write_half_once(__u32* half, __u32 value) {
    watched_store(half, value, 4, WATCHED_RELAXED);
}

static void write_byte_once(__u8* byte, __u8 value) {
    watched_store(byte, value, 1, WATCHED_RELAXED);
}

static int swap_half(__u32* half, __u32 from, __u32 to) {
    uint64_t present = from;

    return watched_swap(half, &present, to, 4);
}

static int swap_word(__u64* word, __u64 from, __u64 to) {
    uint64_t present = from;

    return watched_swap(word, &present, to, 8);
}

static void memory_fence(void) {
    watched_fence();
}

#include "destination.h"
#include "flow.h"
#include "flow_insert.h"

static struct path_table the_table;

void* world_lookup(struct world_map map, const void* key) {
    __u32 index = *(const __u32*)key;

    if (map.map == &flow_carries) return NULL;
    if (map.map == &flow_lines4 || map.map == &flow_lines6)
        return index < the_table.line_count ? the_table.lines + index : NULL;
    if (index >= the_table.line_count * FLOW_LINE_PLACES) return NULL;
    return (char*)the_table.entries + index * map.value_size;
}

long world_update(struct world_map map, const void* key, const void* value) {
    (void)map, (void)key, (void)value;
    return -1;
}

__u64 bpf_jiffies64(void) {
    return PATH_NOW;
}

__u64 bpf_ktime_get_coarse_ns(void) {
    return (__u64)PATH_NOW << FLOW_SEEN_SHIFT;
}

/* The settings are constants, which stand where nothing may be written. */
static struct settings* writable_settings(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)&settings & ~(page - 1);

    mprotect((void*)first, (uintptr_t)(&settings + 1) - first, PROT_READ | PROT_WRITE);
    return (struct settings*)(uintptr_t)&settings;
}

void path_use(struct path_table table, const struct flow_seeds* seeds) {
    struct settings* changed = writable_settings();

    the_table = table;
    changed->flow_lines = table.line_count;
    changed->flow_seeds = *seeds;
}

static struct packet packet_of(const struct flow_key* key) {
    struct packet p = {
        .src_port = key->remote_port,
        .dst_port = key->local_port,
        .proto = key->proto,
        .family = key->family,
    };

    if (key->family == FAMILY_IPV6) {
        memcpy(p.src6, key->remote_addr, sizeof(p.src6));
        memcpy(p.dst6, key->local_addr, sizeof(p.dst6));
    } else {
        memcpy(&p.src4, key->remote_addr, sizeof(p.src4));
        memcpy(&p.dst4, key->local_addr, sizeof(p.dst4));
    }
    return p;
}

enum path_answer path_find(const struct flow_key* key, __u32* use) {
    struct packet p = packet_of(key);
    __u64 found = flow_find(&p);

    if (!(found & FLOW_ANSWER_FOUND)) return PATH_ABSENT;
    *use = FLOW_ANSWER_USE(found);
    return PATH_FOUND;
}

__u64 path_match(const struct flow_key* key) {
    struct packet p = packet_of(key);

    return flow_find(&p);
}

void path_count(__u64 match, __u32 family, __u32 bytes, __u32 tcp_flags) {
    flow_count(match, family, bytes, tcp_flags);
}

enum path_answer path_find_in_fast_lane(const struct flow_key* key, __u32* use) {
    struct packet p = packet_of(key);
    struct flow_match match = {};
    enum flow_answer answer;

    if (key->family == FAMILY_IPV6)
        answer = flow_find_fast(&p, flow_hash(&p, FAMILY_IPV6), FAMILY_IPV6, &match);
    else
        answer = flow_find_fast(&p, flow_hash(&p, FAMILY_IPV4), FAMILY_IPV4, &match);
    *use = FLOW_ANSWER_USE(flow_answer_of(&match));
    return (enum path_answer)answer;
}

enum path_inserted path_insert(const struct flow_key* key, __u32 use) {
    struct packet p = packet_of(key);

    return (enum path_inserted)flow_insert(&p, use);
}

__u64 path_recall(const struct destination* place, const struct path_destination* key, __u32 epoch) {
    const struct destination_key asked = {{key->addr[0], key->addr[1]}, key->endpoint};

    return destination_recall(place, &asked, epoch);
}

void path_remember(struct destination* place, const struct path_destination* key, __u32 epoch, __u64 answer) {
    const struct destination_key asked = {{key->addr[0], key->addr[1]}, key->endpoint};

    destination_remember(place, &asked, epoch, answer);
}
