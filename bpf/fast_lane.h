/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The common case, lean: a whole, well-formed TCP or UDP packet to one of the first local
 * addresses, on a port whose slot answers by itself or stands empty. It takes the stages of the
 * full lane in the same order; where a stage needs more than that, it declines, and the full lane
 * starts anew. Until it concludes it writes nothing.
 */
#ifndef XDEMUX_FAST_LANE_H
#define XDEMUX_FAST_LANE_H

#include "count.h"
#include "flow.h"
#include "listener.h"
#include "parse.h"
#include "settle.h"
#include "trace.h"

/* No XDP action. */
#define DECLINED -1

static __always_inline int conclude_fast(const struct packet *p, struct outcome *o)
{
	o->action = settings.rules.mode == MODE_ENFORCE ? o->verdict : VERDICT_PASS;
	o->counted = 1;
	count(p, o);
	return o->action == VERDICT_DROP ? XDP_DROP : XDP_PASS;
}

static __always_inline int conclude_flow(const struct packet *p, struct flow *flow,
					 struct outcome *o)
{
	o->verdict = verdict_of(o->target);
	if (o->verdict == VERDICT_REJECT)
		return DECLINED;
	count_flow(p, flow);
	return conclude_fast(p, o);
}

static __always_inline int settle_closed_fast(struct xdp_md *ctx, const struct packet *p,
					      struct outcome *o)
{
	struct rules rules = {
		.closed = settings.rules.closed,
		.host = settings.rules.host,
	};
	const struct port_slot *all_ports = slot_find(p, 0);

	if (!all_ports || !slot_is_empty(p, all_ports) || rules.closed == VERDICT_REJECT)
		return 0;
	o->listener = 0;
	settle_closed(ctx, p, &rules, o);
	return 1;
}

/* Inlined once for each family, so that neither carries the other's facts. */
static __always_inline int fast_lane_ip(struct xdp_md *ctx, struct packet *p)
{
	const struct port_slot *slot;
	struct outcome o;
	struct flow *flow;

	if ((p->family == FAMILY_IPV6 ? parse_ipv6(ctx, p) : parse_ipv4(ctx, p)) ||
	    parse_transport(ctx, p) || p->fragment || !p->dst_port)
		return DECLINED;
	slot = slot_find(p, p->dst_port);
	if (!slot)
		return DECLINED;
	o.asked = o.answered = o.listener = 0;
	flow = match_flow(p, slot, &o);
	if (flow)
		return conclude_flow(p, flow, &o);
	if (slot_asks_more(p, slot) || !is_hot_local(p))
		return DECLINED;
	if (match_slot(p, slot, &o))
		o.verdict = verdict_of(o.target);
	else if (!settle_closed_fast(ctx, p, &o))
		return DECLINED;
	/* An answer to a reject is made in the full lane. */
	if (o.verdict == VERDICT_REJECT || (o.verdict == VERDICT_DROP && is_forwarded(ctx, p)))
		return DECLINED;
	return conclude_fast(p, &o);
}

static __always_inline int fast_lane(struct xdp_md *ctx)
{
	struct packet p;
	__be16 ethertype;

	p.fragment = FRAGMENT_NONE;
	p.traced = 0;
	if (settings.confirm_by_ns || has_metadata(ctx))
		return DECLINED;
	if (parse_ethernet(ctx, &p, &ethertype) || p.group_frame)
		return DECLINED;
	if (ethertype == bpf_htons(ETH_P_IP)) {
		p.family = FAMILY_IPV4;
		return fast_lane_ip(ctx, &p);
	}
	if (ethertype == bpf_htons(ETH_P_IPV6)) {
		p.family = FAMILY_IPV6;
		return fast_lane_ip(ctx, &p);
	}
	return DECLINED;
}

#endif
