// SPDX-License-Identifier: BSD-2-Clause
// The data path's insert in a program of its own, for the tests: it inserts the flow of each packet that it gets, as
// one to be dropped, and answers with what came of it. It shares the maps and the settings of the shipped program.
//
// bpf_helpers.h wants the types of linux/bpf.h.
// clang-format off
#include "../../bpf/flow_insert.h"
#include "../../bpf/parse.h"
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp.frags")
int insert(struct xdp_md* ctx) {
    struct packet p = {};

    if (parse_frame(ctx, &p) != REASON_UNDECIDED) return -1;
    return flow_insert(&p, TARGET_DROP);
}
