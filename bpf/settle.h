/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The end of the look-ups: what an entry's target means, and what becomes of a packet that no entry
 * waits for.
 */
#ifndef XDEMUX_SETTLE_H
#define XDEMUX_SETTLE_H

#include "host.h"
#include "local.h"
#include "packet.h"
#include "rules.h"

/* A target's verdict: their numbers run in step. */
_Static_assert(TARGET_DROP - TARGET_PASS == VERDICT_DROP &&
		       TARGET_REJECT - TARGET_PASS == VERDICT_REJECT &&
		       TARGET_STEER - TARGET_PASS == VERDICT_STEER,
	       "targets and verdicts");

static __always_inline enum verdict verdict_of(__u32 target)
{
	return target - TARGET_PASS;
}

/* Steps 6 and 7: no entry waits for the packet; the host's sockets have the last word. */
static __always_inline void settle_closed(struct xdp_md *ctx, const struct packet *p,
					  const struct rules *rules, struct outcome *o)
{
	o->reason = p->dst_port ? REASON_CLOSED : REASON_PORT_ZERO;
	o->verdict = rules->closed;
	if (!p->dst_port || !rules->host)
		return;
	o->asked |= STAGE_HOST;
	if (host_has_socket(ctx, p)) {
		o->answered |= STAGE_HOST;
		o->reason = REASON_HOST_SOCKET;
		o->verdict = VERDICT_PASS;
	}
}

/* A packet that is not for this host: none of ours. */
static __always_inline void settle_elsewhere(const struct packet *p, struct outcome *o)
{
	o->reason = p->group_frame ? REASON_MULTICAST : REASON_NOT_LOCAL;
	o->verdict = VERDICT_PASS;
	o->target = TARGET_NONE;
	o->listener = 0;
	o->counted = 0;
	o->sticky = 0;
}

/* What is dropped without being named must be this host's by more than the table of local routes.
 */
static __always_inline void confirm_local(struct xdp_md *ctx, const struct packet *p,
					  struct outcome *o)
{
	o->asked |= STAGE_ROUTE;
	if (!is_for_others(ctx, p, o->reason == REASON_CLOSED))
		return;
	o->answered |= STAGE_ROUTE;
	settle_elsewhere(p, o);
}

/* Of a named destination, which may be nobody's, such as a network's broadcast address: answers are
 * given for this host's own addresses, and for those that it forwards to. */
static __always_inline int answers_for(struct xdp_md *ctx, const struct packet *p)
{
	int arrival = ask_arrival(ctx, p->l3_offset, p->l4_offset, arrival_question(p, 0));

	return arrival == ARRIVAL_FORWARDED ||
	       (arrival == ARRIVAL_LOCAL && ask_local(p) == 1 + LOCAL_BY_ROUTE);
}

#endif
