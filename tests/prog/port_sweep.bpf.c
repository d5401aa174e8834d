// SPDX-License-Identifier: BSD-2-Clause
// Counts and clears what a table of port counters has of the CPU that runs it, for the tests: user space would read
// 131,072 rows one by one, which takes the better part of a second in an emulated machine. The table is lent to it.
//
// bpf_helpers.h wants the types of linux/bpf.h.
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include <xdemux/contract.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, PORT_INDEXES);
    __type(key, __u32);
    __type(value, struct traffic);
} ports SEC(".maps");

__u64 packets;
__u64 bytes;

static long take(void* map, const __u32* index, struct traffic* row, void* context) {
    (void)map, (void)index, (void)context;
    packets += row->packets;
    bytes += row->bytes;
    row->packets = 0;
    row->bytes = 0;
    return 0;
}

SEC("xdp")
int sweep(struct xdp_md* ctx) {
    (void)ctx;
    packets = 0;
    bytes = 0;
    return bpf_for_each_map_elem(&ports, take, NULL, 0) == PORT_INDEXES ? XDP_PASS : XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
