/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A later fragment has no ports: it follows what became of its datagram's first fragment.
 */
#ifndef XDEMUX_FRAGMENT_H
#define XDEMUX_FRAGMENT_H

#include "maps.h"
#include "packet.h"

/*
 * How long a first fragment's verdict holds, in units of `seen`, some two seconds. The identifier
 * is used again sooner or later, and then a later fragment may come first; the first one itself
 * decides anew. The kernel waits longer for a datagram's rest (net.ipv4.ipfrag_time), but what came
 * of it so late can only be passed to it.
 */
#define FRAGMENT_LIFE (2000000000u >> FLOW_SEEN_SHIFT)

static __always_inline __u32 fragment_now(void)
{
	return bpf_ktime_get_coarse_ns() >> FLOW_SEEN_SHIFT;
}

static __always_inline void fragment_key_of(const struct packet *p, struct fragment_key *key)
{
	copy_src(key->src, p);
	copy_dst(key->dst, p);
	key->id = p->fragment_id;
	key->family = p->family;
	/* RFC 791 has the protocol in the identity of a datagram, RFC 8200, 4.5 has not. */
	key->protocol = p->family == FAMILY_IPV4 ? p->protocol : 0;
}

static __always_inline void fragment_remember(const struct packet *p, const struct outcome *o)
{
	struct fragment_key key = {};
	struct fragment first = {
		.seen = fragment_now(),
		.verdict = o->verdict,
		.steer = o->steer,
		.hash = o->hash,
	};

	fragment_key_of(p, &key);
	bpf_map_update_elem(&fragments, &key, &first, BPF_ANY);
}

static __always_inline void fragment_follow(const struct packet *p, struct outcome *o)
{
	struct fragment_key key = {};
	const struct fragment *first;

	fragment_key_of(p, &key);
	first = bpf_map_lookup_elem(&fragments, &key);
	o->asked |= STAGE_FRAGMENT;
	o->reason = REASON_FRAGMENT_ORPHAN;
	if (!first || fragment_now() - first->seen > FRAGMENT_LIFE)
		return;
	o->answered |= STAGE_FRAGMENT;
	o->reason = REASON_FRAGMENT;
	/* The first fragment was answered; the datagram gets one answer. */
	o->verdict = first->verdict == VERDICT_REJECT ? VERDICT_DROP : first->verdict;
	o->steer = first->steer;
	o->hash = first->hash;
}

#endif
