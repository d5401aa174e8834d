/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What has no ports of its own: ICMP, later fragments, malformed packets, other protocols. Off the
 * common path, and settle_portless() is a global function, so that the verifier looks at it once
 * and by itself.
 */
#ifndef XDEMUX_PORTLESS_H
#define XDEMUX_PORTLESS_H

#include "flow.h"
#include "fragment.h"
#include "listener.h"
#include "local.h"
#include "parse_icmp.h"
#include "steer.h"

/* An ICMP error follows its flow, and is never answered nor subject to the closed policy: path MTU
 * discovery needs it. */
static __always_inline void settle_icmp_error(const struct packet *p, struct outcome *o)
{
	const struct port_slot *slot;

	if (!p->quotes_ports)
		return;
	slot = slot_find(p, p->dst_port);
	if (slot && match_flow(p, slot, o)) {
		if (o->target == TARGET_STEER)
			aim(p, o);
		if (o->target != TARGET_STEER)
			o->verdict = o->target == TARGET_PASS ? VERDICT_PASS : VERDICT_DROP;
	}
	o->reason = REASON_ICMP_ERROR;
}

/* Malformed packets are dropped only where the kernel would: not on their way to a bridge's other
 * ports. */
static __always_inline void settle_malformed(struct xdp_md *ctx, const struct packet *p,
					     struct outcome *o)
{
	int arrival;

	if (o->reason < REASON_BAD_ETHERNET)
		return;
	if (!p->kernel_drops && !(p->kernel_drops_local && !p->group_frame && is_local(p)))
		return;
	arrival = ask_arrival(ctx, p->l3_offset, p->l4_offset, arrival_question(p, 0));
	if (arrival == ARRIVAL_LOCAL || (arrival == ARRIVAL_FORWARDED && p->kernel_drops))
		o->verdict = VERDICT_DROP;
}

__noinline int settle_portless(struct xdp_md *ctx, struct packet *p, struct outcome *o)
{
	if (!p || !o)
		return 0;
	if (o->reason == REASON_ICMP_OTHER)
		o->reason = parse_icmp(ctx, p);
	if (o->reason == REASON_FRAGMENT)
		fragment_follow(p, o);
	return 0;
}

#endif
