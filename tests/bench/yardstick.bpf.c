// SPDX-License-Identifier: BSD-2-Clause
// Yardsticks: the least that a step can cost on this machine, timed beside the rows that contain it, so that a figure
// can be read on a faster or slower one. They decide nothing and check next to nothing.
//
// bpf_helpers.h wants the types of linux/bpf.h.
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include <xdemux/contract.h>
#include <xdemux/flow_layout.h>

#include "crowd_addresses.h"

#define PLAIN_HEADERS 48  // Ethernet, IPv4, and what both transports begin with
#define AF_INET 2

// Set before load: what becomes of what is looked up.
const volatile __u32 action = XDP_PASS;

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

// Protocol and port read where they stand, one array asked, three counters written.
static __always_inline int answer_at(const struct xdp_md* ctx, __u32 protocol_at, __u32 port_at) {
    const __u8* frame = (void*)(long)ctx->data;
    const struct answer* answer;
    __u32 index, zero = 0;
    __u64 length;

    if ((void*)(frame + port_at + 2) > (void*)(long)ctx->data_end) return XDP_ABORTED;
    length = (void*)(long)ctx->data_end - (void*)frame;
    index = (frame[protocol_at] & 1) << 16 | frame[port_at] << 8 | frame[port_at + 1];
    answer = bpf_map_lookup_elem(&answers, &index);
    if (!answer) return XDP_ABORTED;
    add(bpf_map_lookup_elem(&reasons, &zero), length);
    add(bpf_map_lookup_elem(&listeners, &answer->listener[0]), length);
    add(bpf_map_lookup_elem(&ports, &index), length);
    return answer->target[0] ? XDP_ABORTED : action;
}

// Of IPv4 packets without options.
SEC("xdp.frags")
int least_demux(struct xdp_md* ctx) {
    return answer_at(ctx, 23, 36);
}

// Of IPv6 without extensions and of IPv4 behind one VLAN tag too.
SEC("xdp.frags")
int least_of_kinds(struct xdp_md* ctx) {
    const __u8* frame = (void*)(long)ctx->data;

    if ((void*)(frame + 14) > (void*)(long)ctx->data_end) return XDP_ABORTED;
    if (frame[12] == 0x86) return answer_at(ctx, 20, 56);
    if (frame[12] == 0x81) return answer_at(ctx, 27, 40);
    return answer_at(ctx, 23, 36);
}

// What the kernel's hash map costs as a flow table: the addresses and ports read where they stand behind plain headers,
// one look-up of the key that the oracle has too, the flow's three counters. The bench fills it with the peers' flows.
struct flow_count {
    __u64 packets;
    __u64 bytes;
    __u64 last_seen_ns;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct flow_key);
    __type(value, struct flow_count);
} hashed SEC(".maps");

static __always_inline int read_key(const __u8* frame, const void* end, struct flow_key* key) {
    const __u8* ports = frame + 34;

    if ((void*)(frame + 58) > end) return 0;
    if (frame[12] == 0x86) {
        __builtin_memcpy(key->remote_addr, frame + 22, 16);
        __builtin_memcpy(key->local_addr, frame + 38, 16);
        key->proto = frame[20] != 6;
        key->family = 1;
        ports = frame + 54;
    } else {
        __builtin_memcpy(key->remote_addr, frame + 26, 4);
        __builtin_memcpy(key->local_addr, frame + 30, 4);
        key->proto = frame[23] != 6;
    }
    key->remote_port = ports[0] << 8 | ports[1];
    key->local_port = ports[2] << 8 | ports[3];
    return 1;
}

// After a flow was looked up: a miss asks an array for the listener, as least_demux does; both count.
static __always_inline int conclude(int is_hit, __u32 index, __u64 length) {
    const struct answer* answer;
    __u32 zero = 0;

    if (!is_hit) {
        answer = bpf_map_lookup_elem(&answers, &index);
        if (!answer) return XDP_ABORTED;
        add(bpf_map_lookup_elem(&listeners, &answer->listener[0]), length);
    }
    add(bpf_map_lookup_elem(&reasons, &zero), length);
    add(bpf_map_lookup_elem(&ports, &index), length);
    return action;
}

// A hit counts for the flow.
SEC("xdp.frags")
int hash_flows(struct xdp_md* ctx) {
    const void* end = (void*)(long)ctx->data_end;
    const __u8* frame = (void*)(long)ctx->data;
    struct flow_key key = {};
    struct flow_count* flow;
    __u32 index;
    __u64 length = end - (void*)frame;

    if (!read_key(frame, end, &key)) return XDP_ABORTED;
    index = key.proto << 16 | key.local_port;
    flow = bpf_map_lookup_elem(&hashed, &key);
    if (flow) {
        __sync_fetch_and_add(&flow->packets, 1);
        __sync_fetch_and_add(&flow->bytes, length);
        flow->last_seen_ns = bpf_ktime_get_coarse_ns();
    }
    return conclude(!!flow, index, length);
}

// The memory of a flow table, of which the bench hands over the program's own; set before load: how many lines it has.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct flow_line);
} flow_lines4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct flow_ipv4);
} flows4 SEC(".maps");

const volatile __u32 line_count;

// The peer's address, mixed so that no two peers' lines are near each other; `after` is 0.
static __always_inline __u64 mix(const struct xdp_md* ctx, __u64 after) {
    const __u8* frame = (void*)(long)ctx->data;

    if ((void*)(frame + PLAIN_HEADERS) > (void*)(long)ctx->data_end) return 0;
    return (*(const __u32*)(frame + 26) + after) * 0x9e3779b97f4a7c15ull;
}

static __always_inline const struct flow_line* line_of(__u64 mixed, __u32* line) {
    *line = (mixed >> 32) * line_count >> 32;
    return bpf_map_lookup_elem(&flow_lines4, line);
}

// As the program has them, set before load.
const volatile struct flow_seeds seeds;

// The entry of the packet's flow, if the first place that its line names is that flow's: of IPv4 behind plain headers,
// read unchecked, at most once, and taken for whole.
static __always_inline struct flow_ipv4* least_look_up(const __u8* frame) {
    __u64 addresses = *(const __u32*)(frame + 30) | (__u64) * (const __u32*)(frame + 26) << 32, candidates, hash,
          differs;
    __u32 ports = bpf_ntohs(*(const __be16*)(frame + 36)) | bpf_ntohs(*(const __be16*)(frame + 34)) << 16;
    __u32 proto = frame[23] & 1, line, word, place;
    const struct flow_seeds* keys = (const struct flow_seeds*)&seeds;
    const struct flow_line* at;
    struct flow_ipv4* entry;
    const __u64* words;

    barrier_var(keys);  // else the compiler takes them for the zeros that they are before the load
    hash = flow_hash_ipv4(keys, addresses, ports, proto);
    line = flow_line_of(hash, line_count);
    at = bpf_map_lookup_elem(&flow_lines4, &line);
    if (!at) return NULL;
    word = flow_word_of(hash);
    candidates = flow_candidates(*(const __u64*)at->tags[word], flow_tag_of(hash));
    if (!candidates) return NULL;
    place = flow_place(line, word, flow_first_slot(candidates));
    entry = bpf_map_lookup_elem(&flows4, &place);
    if (!entry) return NULL;
    words = (const __u64*)entry;
    differs = (words[0] ^ addresses) | ((__u32)words[1] ^ ports) | (words[1] >> 63 ^ proto);
    return differs ? NULL : entry;
}

// As hash_flows, with the program's own flow table: the least that a hit and a miss take of it.
SEC("xdp.frags")
int least_flows(struct xdp_md* ctx) {
    const __u8* frame = (void*)(long)ctx->data;
    struct flow_ipv4* entry;
    __u32 index;
    __u64 length;

    if ((void*)(frame + PLAIN_HEADERS) > (void*)(long)ctx->data_end) return XDP_ABORTED;
    length = (void*)(long)ctx->data_end - (void*)frame;
    index = (frame[23] & 1) << 16 | frame[36] << 8 | frame[37];
    entry = least_look_up(frame);
    if (entry) {
        __sync_fetch_and_add(&entry->traffic, 1ull << FLOW_PACKETS_SHIFT | length);
    }
    return conclude(!!entry, index, length);
}

// One random line of the table is read, and nothing else done.
SEC("xdp.frags")
int one_line(struct xdp_md* ctx) {
    __u32 line;
    const struct flow_line* at = line_of(mix(ctx, 0), &line);

    return at && *(const volatile __u64*)at->tags[0] != ~0ull ? XDP_PASS : XDP_ABORTED;
}

// And an entry of that line is added to, as a flow's counters are: the least that a hit takes. Its place depends on
// what was read, and on the peer, so that as many entries are met as there are peers. Returns what was in the entry;
// `after` is 0.
static __always_inline __u64 add_to_entry(const struct xdp_md* ctx, __u64 after) {
    __u64 mixed = mix(ctx, after);
    __u32 line, place;
    const struct flow_line* at = line_of(mixed, &line);
    struct flow_ipv4* entry;

    if (!at) return ~0ull;
    place = line * FLOW_LINE_PLACES + (__u32)(mixed + *(const volatile __u64*)at->tags[0]) % FLOW_LINE_PLACES;
    entry = bpf_map_lookup_elem(&flows4, &place);
    return entry ? __sync_fetch_and_add(&entry->traffic, 1ull << FLOW_PACKETS_SHIFT) : ~0ull;
}

SEC("xdp.frags")
int two_lines(struct xdp_md* ctx) {
    return add_to_entry(ctx, 0) == ~0ull ? XDP_ABORTED : XDP_PASS;
}

// Of the entry that the packet before added to; always 0, which the CPU does not know before it has that entry.
__u64 nothing;

// As two_lines, but no packet's memory is asked for before the last one's has come, as where a driver and a stack work
// between two packets.
SEC("xdp.frags")
int two_lines_in_turn(struct xdp_md* ctx) {
    __u64 traffic = add_to_entry(ctx, nothing);

    nothing = traffic >> FLOW_MORE_SHIFT;
    return traffic == ~0ull ? XDP_ABORTED : XDP_PASS;
}

// Set before load: how many sockets each process of the crowd has (crowd.h).
const volatile __u32 crowd_each = 1;

// The kernel asked for one of the crowd's connections, the one that the drawn peer's number names.
SEC("xdp.frags")
int established_lookup(struct xdp_md* ctx) {
    const __u8* frame = (void*)(long)ctx->data;
    struct bpf_sock_tuple tuple = {};
    struct bpf_sock* sk;
    __u32 index;

    if ((void*)(frame + PLAIN_HEADERS) > (void*)(long)ctx->data_end) return XDP_ABORTED;
    index = (frame[27] << 16 | frame[28] << 8 | frame[29]) & ~1u;
    tuple.ipv4.saddr = bpf_htonl(CROWD_NET + 2 + index / CROWD_PER_ADDRESS);
    tuple.ipv4.sport = bpf_htons(CROWD_FIRST_PORT + index % CROWD_PER_ADDRESS);
    tuple.ipv4.daddr = bpf_htonl(CROWD_SERVERS + index / crowd_each);
    tuple.ipv4.dport = bpf_htons(CROWD_SERVER_PORT);
    sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
    if (!sk) return XDP_DROP;
    bpf_sk_release(sk);
    return XDP_PASS;
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
