/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events: what was dropped or rejected, or would have been, for whoever reads `events`. The packet
 * path waits for nobody: what finds no room, or is over the rate, is counted as lost.
 */
#ifndef XDEMUX_EVENT_H
#define XDEMUX_EVENT_H

#include "deadline.h"
#include "maps.h"
#include "packet.h"

/* Sampled, then held to the rate: an event costs its share of a second, and a CPU may be one second
 * ahead. */
static __always_inline int may_tell(struct watch_limit *limit, __u64 now)
{
	__u64 from = limit->paid_until_ns > now ? limit->paid_until_ns : now;

	if (watch.one_in > 1 && bpf_get_prandom_u32() % watch.one_in)
		return 0;
	if (from - now > NSEC_PER_SEC) {
		limit->lost++;
		return 0;
	}
	limit->paid_until_ns = from + watch.event_ns;
	return 1;
}

static __always_inline void fill_event(struct xdp_md *ctx, const struct packet *p,
				       const struct outcome *o, struct event *e)
{
	__u32 last =
		p->frame_len - 1; /* counted from zero, so that no verifier sees an empty read */

	barrier_var(last);
	if (last > EVENT_FRAME_SIZE - 1)
		last = EVENT_FRAME_SIZE - 1;
	e->frame_len = p->frame_len;
	e->captured_len = 0;
	e->ifindex = ctx->ingress_ifindex;
	e->listener = o->listener;
	__builtin_memset(e->local_addr, 0, sizeof(e->local_addr));
	__builtin_memset(e->remote_addr, 0, sizeof(e->remote_addr));
	copy_dst(e->local_addr, p);
	copy_src(e->remote_addr, p);
	e->local_port = p->dst_port;
	e->remote_port = p->src_port;
	e->proto = p->proto;
	e->family = p->family;
	e->reason = o->reason;
	e->verdict = o->verdict;
	e->action = o->action;
	__builtin_memset(e->zero, 0, sizeof(e->zero));
	if (!bpf_xdp_load_bytes(ctx, 0, e->frame, last + 1))
		e->captured_len = last + 1;
}

/* A global function: off every common path. */
__noinline int tell_event(struct xdp_md *ctx, const struct packet *p, const struct outcome *o)
{
	__u64 now = bpf_ktime_get_ns();
	struct watch_limit *limit;
	struct event *e;
	__u32 zero = 0;

	limit = bpf_map_lookup_elem(&watch_limits, &zero);
	if (!p || !o || !limit || !is_in_force(&watch.until_ns) || !may_tell(limit, now))
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		limit->lost++;
		return 0;
	}
	e->time_ns = now;
	fill_event(ctx, p, o, e);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#endif
