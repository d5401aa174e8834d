/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every step of the pipeline, for every packet. A global function: the verifier looks at it by
 * itself.
 */
#ifndef XDEMUX_FULL_LANE_H
#define XDEMUX_FULL_LANE_H

#include "count.h"
#include "flow.h"
#include "fragment.h"
#include "listener.h"
#include "parse.h"
#include "portless.h"
#include "reject.h"
#include "settle.h"
#include "trace.h"

/* Steps 1 to 5. Port zero is reserved: no entry names it, none is asked. */
static __always_inline int match_entry(struct xdp_md *ctx, const struct packet *p,
				       struct outcome *o)
{
	const struct port_slot *slot = slot_find(p, p->dst_port);
	struct flow *flow;

	o->asked |= STAGE_SLOT;
	if (slot && !slot_is_empty(p, slot))
		o->answered |= STAGE_SLOT;
	if (slot && p->dst_port) {
		flow = match_flow(p, slot, o);
		if (flow) {
			count_flow(p, flow);
			return 1;
		}
	}
	o->asked |= STAGE_LOCAL;
	o->local = !p->group_frame && is_local(p);
	if (o->local)
		o->answered |= STAGE_LOCAL;
	return p->dst_port && find_listener(ctx, p, o);
}

/* A TCP or UDP packet with ports. */
static __always_inline void settle_ports(struct xdp_md *ctx, const struct packet *p,
					 const struct rules *rules, struct outcome *o)
{
	o->counted = 1;
	if (match_entry(ctx, p, o))
		o->verdict = verdict_of(o->target);
	else if (o->local)
		settle_closed(ctx, p, rules, o);
	else
		settle_elsewhere(p, o);
	if (o->verdict == VERDICT_PASS)
		return;
	if (o->verdict == VERDICT_REJECT && !may_be_answered(p))
		o->verdict = VERDICT_DROP;
	if (!o->named)
		confirm_local(ctx, p, o);
}

/* Carries the verdict out. An answer that cannot be given is a drop. */
static __always_inline int act(struct xdp_md *ctx, const struct packet *p,
			       const struct rules *rules, struct outcome *o)
{
	if (rules->mode == MODE_MONITOR)
		return XDP_PASS;
	if (o->verdict == VERDICT_REJECT && !p->traced &&
	    !(reject_allowed() && make_answer(ctx, p)))
		o->verdict = VERDICT_DROP;
	o->action = o->verdict;
	if (o->verdict == VERDICT_REJECT)
		return XDP_TX;
	return o->verdict == VERDICT_DROP ? XDP_DROP : XDP_PASS;
}

static __always_inline enum reason parse_frame(struct xdp_md *ctx, struct packet *p)
{
	enum reason reason;
	__be16 ethertype;

	reason = parse_ethernet(ctx, p, &ethertype);
	if (reason != REASON_UNDECIDED)
		return reason;
	if (ethertype == bpf_htons(ETH_P_IP)) {
		p->family = FAMILY_IPV4;
		reason = parse_ipv4(ctx, p);
	} else if (ethertype == bpf_htons(ETH_P_IPV6)) {
		p->family = FAMILY_IPV6;
		reason = parse_ipv6(ctx, p);
	} else {
		return parse_ends(ctx, p, REASON_NOT_IP);
	}
	return reason ? reason : parse_transport(ctx, p);
}

__noinline int full_lane(struct xdp_md *ctx)
{
	struct rules rules = rules_in_force();
	struct outcome o = {};
	struct packet p = {};
	int action;

	p.traced = trace_requested(ctx);
	o.reason = parse_frame(ctx, &p);
	if (o.reason == REASON_UNDECIDED) {
		settle_ports(ctx, &p, &rules, &o);
		if (p.fragment && !p.traced)
			fragment_remember(&p, &o);
	} else {
		settle_portless(ctx, &p, &o);
	}
	action = act(ctx, &p, &rules, &o);
	count(&p, &o);
	if (p.traced)
		trace_write(ctx, &p, &o);
	return action;
}

#endif
