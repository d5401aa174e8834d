/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one file that writes counters, once for each packet, after it was acted on; but for the
 * flows', which stand in their entries (flow.h).
 */
#ifndef XDEMUX_COUNT_H
#define XDEMUX_COUNT_H

#include "maps.h"
#include "packet.h"

static __always_inline void add(struct traffic *t, __u64 bytes)
{
	if (!t)
		return;
	t->packets++;
	t->bytes += bytes;
}

/* The port counters' compact form is one array for all CPUs. */
static __always_inline void add_port(struct traffic *t, __u64 bytes)
{
	if (!settings.shared_counters) {
		add(t, bytes);
	} else if (t) {
		__sync_fetch_and_add(&t->packets, 1);
		__sync_fetch_and_add(&t->bytes, bytes);
	}
}

static __always_inline void count_reason(const struct packet *p, const struct outcome *o)
{
	__u32 index = o->reason * VERDICT_COUNT + o->verdict;
	struct reason_counter *c = bpf_map_lookup_elem(&reason_counters, &index);

	if (!c)
		return;
	c->packets++;
	c->bytes += p->frame_len;
	if (o->verdict != o->action)
		c->monitored_packets++;
}

static __always_inline void count_target(const struct packet *p, const struct outcome *o)
{
	__u32 number = o->steer;
	struct target_count *c = bpf_map_lookup_elem(&target_counts, &number);

	if (!c)
		return;
	if (o->action == VERDICT_STEER) {
		c->packets++;
		c->bytes += p->frame_len;
	} else if (o->reason == REASON_TARGET_FALLBACK) {
		c->fallback_packets++;
		c->fallback_bytes += p->frame_len;
	}
}

static __always_inline void count(const struct packet *p, const struct outcome *o)
{
	__u32 index;

	if (p->traced)
		return;
	if (o->listener) {
		index = o->listener;
		add(bpf_map_lookup_elem(&listener_counts, &index), p->frame_len);
	}
	count_reason(p, o);
	if (o->steer)
		count_target(p, o);
	if (!o->counted)
		return;
	index = port_index(p, p->dst_port);
	add_port(bpf_map_lookup_elem(&port_counters, &index), p->frame_len);
	if (o->action == VERDICT_DROP || o->action == VERDICT_REJECT)
		add_port(bpf_map_lookup_elem(&port_drops, &index), p->frame_len);
}

#endif
