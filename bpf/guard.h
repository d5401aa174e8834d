/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who may reach a listener: the sources that it admits, and how fast each may send. Asked of
 * guarded listeners alone, after they matched.
 */
#ifndef XDEMUX_GUARD_H
#define XDEMUX_GUARD_H

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "frame.h"
#include "hash.h"
#include "maps.h"
#include "packet.h"

/* A source for which several CPUs contend so often is over its rate. */
#define RATE_ATTEMPTS 8

/* As struct packet has them, in the form of the tables' keys; of a listener, where one is asked. */
static __always_inline struct guard_client client_of(const struct packet *p, __u32 listener)
{
	struct guard_client client = {
		.listener = listener,
		.family = p->family,
	};

	copy_src(client.addr, p);
	return client;
}

static __always_inline int find_source(const struct guard_client *client)
{
	struct guard_source key = {
		.prefixlen = GUARD_SOURCE_FIXED_BITS + (client->family == FAMILY_IPV6 ? 128 : 32),
		.listener = client->listener,
		.family = client->family,
	};

	__builtin_memcpy(key.addr, client->addr, sizeof(key.addr));
	return !!bpf_map_lookup_elem(&guard_sources, &key);
}

/* A trie of many prefixes is a dozen dependent reads; the sources of most packets were seen a
 * moment ago. */
static __always_inline int is_admitted_source(const struct guard_client *client,
					      const struct guard *guard, int traced)
{
	const __u64 *addr = (const __u64 *)client->addr;
	__u32 slot = hash_addr(addr, guard->serial ^ client->family) >> 32 & (GUARD_VERDICTS - 1);
	struct guard_verdict *known = bpf_map_lookup_elem(&guard_verdicts, &slot);
	__u64 *known_addr = (__u64 *)known;
	int admitted;

	if (!known)
		return 0;
	if (known->guard == guard->serial && known_addr[0] == addr[0] && known_addr[1] == addr[1] &&
	    known->family == client->family)
		return known->admitted;
	admitted = find_source(client);
	if (traced)
		return admitted;
	known_addr[0] = addr[0];
	known_addr[1] = addr[1];
	known->guard = guard->serial;
	known->family = client->family;
	known->admitted = admitted;
	return admitted;
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
static __always_inline int is_within_rate(const struct guard_client *client,
					  const struct guard *guard, int traced)
{
	struct guard_rate first = {};
	struct guard_rate *rate;

	rate = bpf_map_lookup_elem(&guard_rates, client);
	if (!rate && traced)
		return 1;
	if (!rate) {
		bpf_map_update_elem(&guard_rates, client, &first, BPF_NOEXIST);
		rate = bpf_map_lookup_elem(&guard_rates, client);
	}
	return !rate || pay(rate, guard, bpf_ktime_get_ns(), traced);
}

static __always_inline int refusal_of(const struct guard_client *client, int traced)
{
	__u32 listener = client->listener;
	const struct guard *guard = bpf_map_lookup_elem(&guards, &listener);

	if (guard && guard->prefixes && !is_admitted_source(client, guard, traced))
		return REASON_SOURCE_DENIED;
	if (guard && guard->packet_ns && !is_within_rate(client, guard, traced))
		return REASON_RATE_LIMITED;
	return REASON_UNDECIDED;
}

/*
 * REASON_UNDECIDED where the guard admits the packet, else the reason why not. A guard that is all
 * zero restricts nothing. Global functions: their keys stay off the lanes' stacks.
 */
__noinline int ask_guard(const struct packet *p, __u32 listener)
{
	struct guard_client client;

	if (!p)
		return REASON_UNDECIDED;
	client = client_of(p, listener);
	return refusal_of(&client, p->traced);
}

/* The same for the fast lane, which has no struct packet in memory: of the packet at `l3_offset`.
 */
__noinline int ask_guard_about(struct xdp_md *ctx, __u32 l3_offset, __u32 family, __u32 listener)
{
	struct guard_client client = {
		.listener = listener,
		.family = family,
	};
	struct frame f = frame_of(ctx);
	const struct ipv6hdr *ipv6;
	const struct iphdr *ipv4;

	if (family == FAMILY_IPV6) {
		ipv6 = frame_at(&f, l3_offset, sizeof(*ipv6));
		if (!ipv6)
			return REASON_UNDECIDED;
		__builtin_memcpy(client.addr, &ipv6->saddr, sizeof(ipv6->saddr));
	} else {
		ipv4 = frame_at(&f, l3_offset, sizeof(*ipv4));
		if (!ipv4)
			return REASON_UNDECIDED;
		__builtin_memcpy(client.addr, &ipv4->saddr, sizeof(ipv4->saddr));
	}
	return refusal_of(&client, 0);
}

#endif
