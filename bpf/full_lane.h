/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every step of the pipeline, for every packet. A global function: the verifier looks at it by
 * itself.
 */
#ifndef XDEMUX_FULL_LANE_H
#define XDEMUX_FULL_LANE_H

#include "block.h"
#include "count.h"
#include "event.h"
#include "flow.h"
#include "fragment.h"
#include "guard.h"
#include "listener.h"
#include "parse.h"
#include "portless.h"
#include "reject.h"
#include "scan.h"
#include "settle.h"
#include "steer.h"
#include "sticky.h"
#include "trace.h"

/* Steps 1 to 5. Port zero is reserved: no entry names it, none is asked. */
static __always_inline int match_entry(struct xdp_md *ctx, const struct packet *p,
				       struct outcome *o)
{
	const struct port_slot *slot = slot_find(p, p->dst_port);
	__u64 flow;

	o->asked |= STAGE_SLOT;
	if (slot && !slot_is_empty(p, slot))
		o->answered |= STAGE_SLOT;
	if (slot && p->dst_port) {
		flow = match_flow(p, slot, o);
		if (flow && !p->traced)
			flow_count(flow, p->family, p->frame_len, p->tcp_flags);
		if (flow)
			return 1;
	}
	o->asked |= STAGE_LOCAL;
	o->local = is_local(p);
	if (o->local)
		o->answered |= STAGE_LOCAL;
	return p->dst_port && find_listener(ctx, p, o);
}

/* What stands between a source and what it reached: a block of the source, a listener's guard. A
 * flow is past both. */
static __always_inline int is_refused(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	__u32 refusal = REASON_UNDECIDED;

	if (o->local && blocking.until_ns) {
		o->asked |= STAGE_BLOCK;
		if (is_blocked(ctx, p))
			refusal = REASON_SOURCE_BLOCKED;
	}
	if (o->guarded && !refusal) {
		o->asked |= STAGE_GUARD;
		refusal = ask_guard(p, o->listener);
	}
	if (!refusal)
		return 0;
	o->answered |= refusal == REASON_SOURCE_BLOCKED ? STAGE_BLOCK : STAGE_GUARD;
	o->reason = refusal;
	return 1;
}

/* A TCP or UDP packet with ports. */
static __always_inline void settle_ports(struct xdp_md *ctx, const struct packet *p,
					 const struct rules *rules, struct outcome *o)
{
	int matched = match_entry(ctx, p, o);

	o->counted = 1;
	if (is_refused(ctx, p, o))
		o->verdict = VERDICT_DROP;
	else if (matched && o->target == TARGET_STEER)
		aim(p, o);
	else if (matched)
		o->verdict = verdict_of(o->target);
	else if (o->local)
		settle_closed(ctx, p, rules, o);
	else
		settle_elsewhere(p, o);
	if (o->verdict == VERDICT_PASS)
		return;
	if (!o->named)
		confirm_local(ctx, p, o);
	if (o->verdict == VERDICT_REJECT &&
	    !(may_be_answered(p) && (!o->named || answers_for(ctx, p))))
		o->verdict = VERDICT_DROP;
}

/* Whether the packet went its way; in monitor mode, whether it would have. */
static __always_inline int is_steered(struct xdp_md *ctx, const struct packet *p, __u32 enforced,
				      struct outcome *o)
{
	o->asked |= STAGE_TARGET;
	if (steer(ctx, o->steer, o->hash, headers_of(p), !enforced || p->traced) != XDP_REDIRECT) {
		fall_back(p, o);
		return 0;
	}
	o->answered |= STAGE_TARGET;
	if (enforced)
		o->action = VERDICT_STEER;
	return 1;
}

/* Carries the verdict out. An answer that cannot be given is a drop. */
static __always_inline int act(struct xdp_md *ctx, const struct packet *p,
			       const struct rules *rules, struct outcome *o)
{
	if (o->verdict == VERDICT_STEER && is_steered(ctx, p, rules->mode == MODE_ENFORCE, o))
		return o->action == VERDICT_STEER ? XDP_REDIRECT : XDP_PASS;
	if (o->verdict == VERDICT_REJECT && rules->mode == MODE_ENFORCE && !p->traced &&
	    !reject_allowed())
		o->verdict = VERDICT_DROP;
	if (rules->mode == MODE_ENFORCE)
		o->action = o->verdict;
	/* Before the answer is made in the packet's place. */
	if (o->verdict != VERDICT_PASS && watch.until_ns && !p->traced)
		tell_event(ctx, p, o);
	if (o->action == VERDICT_REJECT && !p->traced && !make_answer(ctx, p))
		o->verdict = o->action = VERDICT_DROP;
	if (o->action == VERDICT_REJECT)
		return XDP_TX;
	return o->action == VERDICT_DROP ? XDP_DROP : XDP_PASS;
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
		if (o.reason == REASON_ICMP_ERROR)
			settle_icmp_error(&p, &o);
		settle_malformed(ctx, &p, &o);
	}
	if (o.reason == REASON_CLOSED)
		record_closed(ctx, &p);
	action = act(ctx, &p, &rules, &o);
	count(&p, &o);
	if (p.traced)
		trace_write(ctx, &p, &o);
	else if (o.sticky && o.reason != REASON_TARGET_FALLBACK)
		keep_flow(&p, &o);
	return action;
}

#endif
