/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shipped program, compiled for user space: any frame, any settings, any content of the tables.
 * It may touch nothing but the frame and what it looked up, gives one reason to each packet, leaves
 * a frame that passes as it was, and answers with right lengths and checksums.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xdemux/contract.h>

#include "world.h"

/* In place of group_table.h: of a map of maps the world knows nothing. */
#define XDEMUX_GROUP_TABLE_H
static const struct group_table* group_table_of(__u32 group);

#include "demux.bpf.c"

#define INPUT_HEADER 16
#define METADATA_SIZE sizeof(struct trace)
#define LARGEST_FRAME 9216

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static const uint8_t* the_frame; /* as it came */
static size_t the_size;
static struct reason_counter reasons[REASON_COUNT * VERDICT_COUNT];

static void require(int holds, const char* what) {
    if (holds) return;
    fprintf(stderr, "the program broke a rule: %s\n", what);
    abort();
}

static __u8 a_target(__u32 any) {
    return TARGET_PASS + any % (TARGET_STEER - TARGET_PASS + 1);
}

/* A target's number. */
static __u16 a_number(__u32 any) {
    return any & 64 ? TARGET_FIRST + any % 32 : TARGET_PASS + any % (TARGET_REJECT - TARGET_PASS + 1);
}

static void shape_target(struct target* target) {
    target->kind = (__u32)target->kind % (TARGET_SOCKET + 1);
    target->fallback = TARGET_PASS + (__u32)target->fallback % (TARGET_REJECT - TARGET_PASS + 1);
    target->count = 1 + target->count % 8;
}

static const struct group_table* group_table_of(__u32 group) {
    static struct group_table table;
    __u8 choice[2];
    size_t place;

    world_draw(choice, sizeof(choice));
    if (!choice[0]) return NULL;
    for (place = 0; place < GROUP_PLACES; place++)
        table.members[place] = choice[0] & 1 ? a_number(choice[1] + group) : 0;
    return &table;
}

/* Without seeds every flow has the tag 1 in the first word: half of the places are candidates, in the flow's own line
 * and in one more. */
static void shape_line(struct flow_line* line) {
    size_t i;

    for (i = 0; i < sizeof(line->tags); i++)
        ((__u8*)line->tags)[i] &= 1;
    line->elsewhere &= 0x1fffffff;
}

/* Half of the entries are the packet's, where it has plain headers. `rest` is what follows the addresses. */
static int shape_flow(struct flow_rest* rest, const uint8_t* protocol, const uint8_t* ports) {
    rest->use = (rest->use & ~FLOW_TARGET_MASK) | a_number(rest->use);
    if (!(rest->owner & 1) || the_frame + the_size < ports + 4) return 0;
    rest->remote_port = ports[0] << 8 | ports[1];
    rest->local_port = ports[2] << 8 | ports[3];
    rest->life = (rest->life & FLOW_GENERATION_MASK) | (*protocol != 6) << FLOW_PROTO_SHIFT;
    return 1;
}

static void shape_ipv4(struct flow_ipv4* flow) {
    if (!shape_flow((struct flow_rest*)&flow->local_port, the_frame + 23, the_frame + 34)) return;
    memcpy(flow->remote_addr, the_frame + 26, sizeof(flow->remote_addr));
    memcpy(flow->local_addr, the_frame + 30, sizeof(flow->local_addr));
}

static void shape_ipv6(struct flow_ipv6* flow) {
    if (!shape_flow((struct flow_rest*)&flow->local_port, the_frame + 20, the_frame + 54)) return;
    memcpy(flow->remote_addr, the_frame + 22, sizeof(flow->remote_addr));
    memcpy(flow->local_addr, the_frame + 38, sizeof(flow->local_addr));
}

/* What may be remembered in the epoch 0 that choose_locals() leaves, half of it of the packet, where that has a plain
 * IPv4 header. */
static void shape_destination(struct destination* destination) {
    __u64 any = destination->answer;
    __u64 reason = REASON_LISTENER_EXACT + any % (REASON_LISTENER_ALL_PORTS - REASON_LISTENER_EXACT + 1);
    const uint8_t* ip = the_frame + 14;
    __u32 local = 0;

    destination->answer =
        (any & 0xffff) | reason << 32 | (__u64)a_target(any >> 8) << 40 | (any >> 16 & 3) << 48 | 1ull << 63;
    destination->stamp = 1ull << 32 | (__u32)destination->stamp;
    if (destination->stamp & 1 || the_frame + the_size < ip + 24) return;
    memcpy(&local, ip + 16, sizeof(local));
    destination->addr[0] = local;
    destination->addr[1] = 0;
    destination->endpoint =
        (__u64)(ip[9] & 1) << 48 | (__u64)(ip[22] << 8 | ip[23]) << 32 | world_context()->ingress_ifindex;
}

void world_shape(const void* map, void* value) {
    if (map == &flow_lines4 || map == &flow_lines6) {
        shape_line(value);
    } else if (map == &flows4) {
        shape_ipv4(value);
    } else if (map == &flows6) {
        shape_ipv6(value);
    } else if (map == &listen_addrs || map == &listen_prefixes) {
        ((struct listen_entry*)value)->target = a_target(((struct listen_entry*)value)->target);
    } else if (map == &port_slots) {
        struct port_slot* slot = value;

        slot->target[0] = slot->target[0] & 4 ? a_target(slot->target[0]) : TARGET_NONE;
        slot->target[1] = slot->target[1] & 4 ? a_target(slot->target[1]) : TARGET_NONE;
    } else if (map == &destinations) {
        shape_destination(value);
    } else if (map == &fragments) {
        ((struct fragment*)value)->verdict %= VERDICT_COUNT;
    } else if (map == &targets) {
        shape_target(value);
    } else if (map == &listener_targets) {
        ((struct listener_target*)value)->target = a_number(((struct listener_target*)value)->target);
    }
}

static void choose_settings(const uint8_t* from) {
    static struct settings* writable;

    if (!writable) {
        writable = world_writable(&settings, sizeof(settings));
        world_keep(&reason_counters, reasons);
    }
    memset(writable, 0, sizeof(*writable));
    writable->contract = CONTRACT_VERSION;
    writable->rules.mode = from[0] & 1;
    writable->rules.host = from[0] >> 1 & 1;
    writable->rules.closed = from[1] % 3;
    writable->fallback.mode = from[0] >> 2 & 1;
    writable->fallback.host = from[0] >> 3 & 1;
    writable->fallback.closed = from[1] / 3 % 3;
    writable->shared_counters = from[0] >> 4 & 1;
    writable->confirm_by_ns = from[0] & 32 ? from[2] * 100000000ull : 0;
    writable->trace_key = 0x1234567890abcdefull;
    writable->rejects_per_second = from[3] ? 1000000 : 0;
    writable->hash_key = from[4];
    writable->scan_slots = from[0] & 64 ? 4096 : 0;
    writable->flow_lines = 23;
    writable->ordered_loads = from[0] >> 7;
    memset(&blocking, 0, sizeof(blocking));
    memset(&watch, 0, sizeof(watch));
    blocking.until_ns = from[5] & 1 ? ~0ull : 0;
    watch.until_ns = from[5] & 2 ? ~0ull : 0;
    watch.one_in = from[5] >> 2;
}

/* The first local addresses: often the packet's own destination. */
static void choose_locals(const uint8_t* frame, size_t size, uint8_t choice) {
    memset(&local_hot, 0, sizeof(local_hot));
    if (choice & 1 && size >= 34) memcpy(local_hot.ipv4[0], frame + 30, 4);
    if (choice & 2 && size >= 54) memcpy(local_hot.ipv6[0], frame + 38, 16);
    if (choice & 4 && size >= 38) memcpy(local_hot.ipv4[1], frame + 34, 4);
    local_hot.more[0] = choice >> 3 & 1;
    local_hot.more[1] = choice >> 4 & 1;
}

static __u64 packets_counted(void) {
    __u64 packets = 0;
    size_t i;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        packets += reasons[i].packets;
    for (i = 0; i < VERDICT_COUNT; i++)
        require(!reasons[REASON_UNDECIDED * VERDICT_COUNT + i].packets, "a packet is undecided");
    return packets;
}

/* RFC 1071, byte by byte. */
static __u32 add_bytes(__u32 sum, const uint8_t* at, size_t size) {
    size_t i;

    for (i = 0; i < size; i++)
        sum += i & 1 ? at[i] : at[i] << 8;
    return sum;
}

static int is_sum_right(__u32 sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

/* Behind Ethernet and at most two VLAN tags. */
static size_t network_offset(const uint8_t* frame) {
    size_t at = 12;
    int i;

    for (i = 0; i < 2; i++) {
        unsigned type = (unsigned)(frame[at] << 8 | frame[at + 1]);

        if (type == 0x8100 || type == 0x88a8) at += 4;
    }
    return at + 2;
}

static void check_answer(const uint8_t* frame, size_t size) {
    size_t l3 = network_offset(frame), head, payload;
    __u32 sum = 0;

    if (frame[l3] >> 4 == 4) {
        head = 20;
        require(size >= l3 + head && frame[l3] == 0x45, "an answer has an IPv4 header");
        payload = (size_t)(frame[l3 + 2] << 8 | frame[l3 + 3]) - head;
        require(is_sum_right(add_bytes(0, frame + l3, head)), "an answer's IPv4 checksum");
        if (frame[l3 + 9] == 6) sum = add_bytes(6 + (__u32)payload, frame + l3 + 12, 8);
    } else {
        head = 40;
        require(size >= l3 + head && frame[l3] >> 4 == 6, "an answer has an IP header");
        payload = (size_t)(frame[l3 + 4] << 8 | frame[l3 + 5]);
        sum = add_bytes(frame[l3 + 6] + (__u32)payload, frame + l3 + 8, 32);
    }
    require(l3 + head + payload == size, "an answer ends where its IP packet ends");
    require(is_sum_right(add_bytes(sum, frame + l3 + head, payload)), "an answer's checksum");
}

static void check_run(int action, const uint8_t* before, size_t size, __u64 counted, int traced) {
    size_t size_after;
    const uint8_t* after = world_frame(&size_after);

    require(action == XDP_PASS || action == XDP_DROP || action == XDP_TX || action == XDP_REDIRECT, "an action");
    require(packets_counted() == counted + !traced, "one reason for each packet");
    if (action == XDP_PASS || traced)
        require(size == size_after && !memcmp(before, after, size), "what passes is left as it was");
    /* Two MAC addresses may be written. */
    if (action == XDP_REDIRECT)
        require(size == size_after && !memcmp(before + 12, after + 12, size - 12), "what is steered is left as it was");
    if (action == XDP_TX && !traced) check_answer(after, size_after);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    struct trace asked = {};
    const uint8_t* frame = data + INPUT_HEADER;
    size_t choices, frame_size;
    __u64 counted;
    int traced;

    if (size < INPUT_HEADER + 14) return 0;
    traced = data[6] & 1;
    asked.key = data[6] & 2 ? 1 : 0x1234567890abcdefull;
    traced = traced && !(data[6] & 2);
    choose_settings(data + 8);
    choices = (size_t)data[7] * 4;
    if (choices > size - INPUT_HEADER - 14) choices = size - INPUT_HEADER - 14;
    frame_size = size - INPUT_HEADER - choices;
    if (frame_size > LARGEST_FRAME) return 0;
    the_frame = frame;
    the_size = frame_size;
    choose_locals(frame, frame_size, data[14]);
    world_begin(frame, frame_size, (const uint8_t*)&asked, data[6] & 3 ? METADATA_SIZE : 0, frame + frame_size,
                choices);
    counted = packets_counted();
    check_run(xdemux(world_context()), frame, frame_size, counted, traced);
    world_end();
    return 0;
}
