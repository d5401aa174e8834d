/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Deadlines that user space sets and the data path takes back: while one stands, packets leave the
 * fast lane.
 */
#ifndef XDEMUX_DEADLINE_H
#define XDEMUX_DEADLINE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NSEC_PER_SEC 1000000000ull

/* Once the time has passed, the first to see it clears it; one that is set anew in the same moment
 * makes the swap fail. CLOCK_MONOTONIC_COARSE; 0: none. */
static __always_inline int is_in_force(__u64 *until_ns)
{
	__u64 until = *until_ns;

	if (!until)
		return 0;
	if (bpf_ktime_get_coarse_ns() <= until)
		return 1;
	__sync_val_compare_and_swap(until_ns, until, 0);
	return 0;
}

#endif
