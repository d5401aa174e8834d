/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who may reach a listener: the sources that it admits, and how fast each may send. Asked of
 * guarded listeners alone, after they matched.
 */
#ifndef XDEMUX_GUARD_H
#define XDEMUX_GUARD_H

#include "maps.h"
#include "packet.h"

/* A source for which several CPUs contend so often is over its rate. */
#define RATE_ATTEMPTS 8

static __always_inline int is_admitted_source(const struct packet *p, __u32 listener)
{
	struct guard_source key = {
		.prefixlen = GUARD_SOURCE_FIXED_BITS + (p->family == FAMILY_IPV6 ? 128 : 32),
		.listener = listener,
		.family = p->family,
	};

	copy_src(key.addr, p);
	return !!bpf_map_lookup_elem(&guard_sources, &key);
}

/* Takes a packet's time from the source's account; false when it is ahead of its rate by more than
 * the burst. */
static __always_inline int pay(struct guard_rate *rate, const struct guard *guard, __u64 now,
			       int traced)
{
	int i;

	for (i = 0; i < RATE_ATTEMPTS; i++) {
		__u64 paid = rate->paid_until_ns, from = paid > now ? paid : now;

		if (from - now > guard->burst_ns)
			return 0;
		if (traced || __sync_val_compare_and_swap(&rate->paid_until_ns, paid,
							  from + guard->packet_ns) == paid)
			return 1;
	}
	return 0;
}

/* The precise clock: within a tick of the coarse one more packets arrive than a burst may have. */
static __always_inline int is_within_rate(const struct packet *p, __u32 listener,
					  const struct guard *guard)
{
	struct guard_client key = {
		.listener = listener,
		.family = p->family,
	};
	struct guard_rate first = {};
	struct guard_rate *rate;

	copy_src(key.addr, p);
	rate = bpf_map_lookup_elem(&guard_rates, &key);
	if (!rate && p->traced)
		return 1;
	if (!rate) {
		bpf_map_update_elem(&guard_rates, &key, &first, BPF_NOEXIST);
		rate = bpf_map_lookup_elem(&guard_rates, &key);
	}
	return !rate || pay(rate, guard, bpf_ktime_get_ns(), p->traced);
}

/*
 * REASON_UNDECIDED where the guard admits the packet, else the reason why not. A guard that is all
 * zero restricts nothing. A global function: its keys stay off the lane's stack.
 */
__noinline int ask_guard(const struct packet *p, __u32 listener)
{
	const struct guard *guard = bpf_map_lookup_elem(&guards, &listener);

	if (!p || !guard)
		return REASON_UNDECIDED;
	if (guard->prefixes && !is_admitted_source(p, listener))
		return REASON_SOURCE_DENIED;
	if (guard->packet_ns && !is_within_rate(p, listener, guard))
		return REASON_RATE_LIMITED;
	return REASON_UNDECIDED;
}

#endif
