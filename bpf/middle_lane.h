/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the fast lane would decide if the port's slot or memory answered: plain packets to one of
 * many local addresses, or to a port that has listeners on addresses, prefixes or devices, or while
 * there are listeners on all ports. What these say it looks up and remembers (destination.h), the
 * answers too that are more than the fast lane concludes by. The steps after that are the full
 * lane's, as far as they are simple; it declines the rest. Until it concludes it writes nothing but
 * what it remembers, and what a guard remembers of a source's rate.
 */
#ifndef XDEMUX_MIDDLE_LANE_H
#define XDEMUX_MIDDLE_LANE_H

#include "count.h"
#include "destination.h"
#include "flow_table.h"
#include "guard.h"
#include "listener.h"
#include "local.h"
#include "parse.h"
#include "scan.h"
#include "settle.h"
#include "steer.h"

/* No XDP action: the next lane decides. */
#define DECLINED -1

/* An event is told in the full lane. */
static __always_inline int may_drop(void)
{
	return !watch.until_ns;
}

/* The packet's facts once more, which the fast lane has in registers. */
static __always_inline int read_plain(const struct frame *f, struct packet *p)
{
	const struct ipv6hdr *ipv6;
	const struct iphdr *ipv4;

	if (p->family == FAMILY_IPV6) {
		ipv6 = frame_at(f, p->l3_offset, sizeof(*ipv6));
		if (!ipv6)
			return 0;
		p->protocol = ipv6->nexthdr;
		p->l4_offset = p->l3_offset + sizeof(*ipv6);
		p->l3_end = p->l4_offset + bpf_ntohs(ipv6->payload_len);
		take_addresses_ipv6(p, ipv6);
	} else {
		ipv4 = frame_at(f, p->l3_offset, sizeof(*ipv4));
		if (!ipv4)
			return 0;
		p->protocol = ipv4->protocol;
		p->l4_offset = p->l3_offset + sizeof(*ipv4);
		p->l3_end = p->l3_offset + bpf_ntohs(ipv4->tot_len);
		take_addresses_ipv4(p, ipv4);
	}
	if (parse_ports(p, f))
		return 0;
	parse_peer(p, f);
	return 1;
}

static __always_inline void ask_tables(struct xdp_md *ctx, const struct packet *p,
				       struct outcome *o)
{
	o->local = is_local(p);
	find_listener(ctx, p, o);
}

/* Steps 2 to 5 of a packet with a port, by memory or by the tables. What is neither named nor this
 * host's is not remembered: where packets are forwarded, there is no end of it. */
static __always_inline void ask_destination(struct xdp_md *ctx, const struct packet *p,
					    struct outcome *o)
{
	struct destination_key key = destination_key(ctx, p);
	struct destination *d = destination_at(&key);
	__u32 epoch = current_epoch();
	__u64 answer = d ? destination_recall(d, &key, epoch) : 0;

	if (answer) {
		take_answer(answer, o);
		return;
	}
	memory_fence(); /* the epoch is read before what it is of */
	barrier();	/* where that is the machine's order, it shall be the compiler's too */
	ask_tables(ctx, p, o);
	if (d && (o->local || o->named))
		destination_remember(d, &key, epoch, answer_of(o));
}

/* False where another lane has to decide, here and below. */
static __always_inline int may_drop_here(struct xdp_md *ctx, const struct packet *p,
					 const struct outcome *o)
{
	return may_drop() && (o->named || !is_for_others(ctx, p, o->reason == REASON_CLOSED));
}

static __always_inline int settle_steered(struct xdp_md *ctx, const struct packet *p,
					  struct outcome *o)
{
	if (settings.rules.mode != MODE_ENFORCE || (!o->named && is_for_others(ctx, p, 0)))
		return 0;
	o->verdict = VERDICT_STEER;
	o->steer = steer_fast(ctx, o->listener, 0, flow_hash_of(p), headers_of(p));
	return !!o->steer;
}

/* Nothing is declined once the guard has admitted the packet, for that may have used up some of the
 * source's rate. */
static __always_inline int settle_guarded(struct xdp_md *ctx, const struct packet *p,
					  struct outcome *o)
{
	enum reason refusal;

	if (o->target != TARGET_PASS)
		return 0;
	refusal = ask_guard(p, o->listener);
	if (!refusal)
		return 1;
	o->reason = refusal;
	o->verdict = VERDICT_DROP;
	return may_drop_here(ctx, p, o);
}

static __always_inline int settle_listened(struct xdp_md *ctx, const struct packet *p,
					   struct outcome *o)
{
	if (o->guarded)
		return settle_guarded(ctx, p, o);
	if (o->target == TARGET_PASS)
		return 1;
	if (o->target == TARGET_STEER)
		return settle_steered(ctx, p, o);
	o->verdict = VERDICT_DROP;
	return o->target == TARGET_DROP && may_drop_here(ctx, p, o);
}

static __always_inline int settle_unlistened(struct xdp_md *ctx, const struct packet *p,
					     struct outcome *o)
{
	struct rules rules = {
		.closed = settings.rules.closed,
		.host = settings.rules.host,
	};

	if (rules.closed == VERDICT_REJECT)
		return 0;
	settle_closed(ctx, p, &rules, o);
	if (o->verdict == VERDICT_DROP && !may_drop_here(ctx, p, o))
		return 0;
	if (o->reason == REASON_CLOSED)
		record_closed(ctx, p);
	return 1;
}

static __always_inline int settle_destination(struct xdp_md *ctx, const struct packet *p,
					      struct outcome *o)
{
	o->counted = 1;
	if (o->listener)
		return settle_listened(ctx, p, o);
	if (o->local)
		return settle_unlistened(ctx, p, o);
	settle_elsewhere(p, o);
	return 1;
}

/* Of the whole, well-formed packet with plain headers at `l3_offset` that the fast lane found. A
 * global function, so that there is one of it for all kinds of packets. */
__noinline int middle_lane(struct xdp_md *ctx, __u32 l3_offset, __u32 family, __u32 frame_len)
{
	struct packet p = {
		.l3_offset = l3_offset,
		.frame_len = frame_len,
		.family = family,
	};
	struct frame f = frame_of(ctx);
	struct outcome o = {};

	if (!read_plain(&f, &p))
		return DECLINED;
	ask_destination(ctx, &p, &o);
	if (!settle_destination(ctx, &p, &o))
		return DECLINED;
	if (settings.rules.mode == MODE_ENFORCE)
		o.action = o.verdict;
	count(&p, &o);
	if (o.action == VERDICT_STEER)
		return XDP_REDIRECT;
	return o.action == VERDICT_DROP ? XDP_DROP : XDP_PASS;
}

#endif
