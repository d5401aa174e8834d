/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which places of map xsks hold a socket: the kernel takes out those that are closed, and shows
 * what is left to programs alone, not to system calls. It runs under BPF_PROG_TEST_RUN on a frame
 * of words, each a place's index before and 1 or 0 after, taken or free; it is never attached.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define WORDS 64 /* of a frame at most; tools ask again for more */

/* The loader puts the instance's map in its place. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

SEC("xdp") int xsk_places(struct xdp_md *ctx)
{
	__u32 *word = (void *)(unsigned long)ctx->data;
	const void *end = (void *)(unsigned long)ctx->data_end;

	for (int i = 0; i < WORDS; i++, word++) {
		__u32 index;

		if ((void *)(word + 1) > end)
			break;
		index = *word;
		*word = bpf_map_lookup_elem(&xsks, &index) ? 1 : 0;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
