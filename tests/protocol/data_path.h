/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data path's look-ups and its insert, and what it remembers of destinations, compiled for user
 * space, on tables of the tests: valid C and C++. It asserts nothing.
 */
#ifndef XDEMUX_TESTS_PROTOCOL_DATA_PATH_H
#define XDEMUX_TESTS_PROTOCOL_DATA_PATH_H

#include <xdemux/contract.h>

#ifdef __cplusplus
extern "C" {
using xdemux::contract::destination;
using xdemux::contract::flow_key;
using xdemux::contract::flow_line;
using xdemux::contract::flow_seeds;
#endif

struct path_table {
    struct flow_line* lines;
    __u32 line_count;
    void* entries; /* of one family */
};

/* For both families, until the next call. */
void path_use(struct path_table table, const struct flow_seeds* seeds);

/* What a look-up says: the fast lane's may be that it does not know. */
enum path_answer {
    PATH_ABSENT = 0,
    PATH_FOUND = 1,
    PATH_UNSURE = 2,
};

/* `use` as in the contract. */
enum path_answer path_find(const struct flow_key* key, __u32* use);
enum path_answer path_find_in_fast_lane(const struct flow_key* key, __u32* use);

/* In two steps, for what comes between them: what a packet matched, and what it then does to the flow. */
__u64 path_match(const struct flow_key* key);
void path_count(__u64 match, __u32 family, __u32 bytes, __u32 tcp_flags);

enum path_inserted {
    PATH_INSERTED = 0,
    PATH_PRESENT = 1,
    PATH_BUSY = 2,
    PATH_NO_ROOM = 3,
};

enum path_inserted path_insert(const struct flow_key* key, __u32 use);

struct path_destination {
    __u64 addr[2];
    __u64 endpoint;
};

/* 0: nothing is known. */
__u64 path_recall(const struct destination* place, const struct path_destination* key, __u32 epoch);
void path_remember(struct destination* place, const struct path_destination* key, __u32 epoch, __u64 answer);

/* What its clock says, in units of 2^FLOW_SEEN_SHIFT ns. */
#define PATH_NOW 3

#ifdef __cplusplus
}
#endif

#endif
