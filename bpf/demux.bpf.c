/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pipeline: parse -> port slot -> flow -> listener -> host socket -> closed policy -> act -> count.
 */
#include "count.h"
#include "flow.h"
#include "fragment.h"
#include "host.h"
#include "listener.h"
#include "local.h"
#include "maps.h"
#include "packet.h"
#include "parse.h"
#include "portless.h"
#include "reject.h"
#include "trace.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A target's verdict: their numbers run in step. */
_Static_assert(TARGET_DROP - TARGET_PASS == VERDICT_DROP && TARGET_REJECT - TARGET_PASS == VERDICT_REJECT,
	       "targets and verdicts");

static __always_inline enum verdict verdict_of(__u32 target)
{
	return target - TARGET_PASS;
}

/* Commit-confirm: past its deadline an unconfirmed program acts by the former rules. */
static __always_inline int past_confirm(void)
{
	return settings.confirm_by_ns && bpf_ktime_get_coarse_ns() > settings.confirm_by_ns;
}

static __always_inline enum mode mode_in_force(void)
{
	return past_confirm() ? settings.fallback.mode : settings.rules.mode;
}

static __always_inline enum verdict closed_in_force(void)
{
	return past_confirm() ? settings.fallback.closed : settings.rules.closed;
}

static __always_inline int host_in_force(void)
{
	return past_confirm() ? settings.fallback.host : settings.rules.host;
}

/* Steps 1 to 4, on the packet's own port. Wildcards speak for this host's addresses alone. */
static __always_inline int match_port(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	const struct port_slot *slot = slot_find(p, p->dst_port);

	if (!slot)
		return 0;
	if (match_flow(p, slot, o) || match_named(p, slot, ctx->ingress_ifindex, p->dst_port, o)) {
		o->named = 1;
		return 1;
	}
	o->local = !p->group_frame && is_local(p);
	o->asked |= STAGE_LOCAL;
	return o->local && match_wildcard(p, slot, ctx->ingress_ifindex, p->dst_port, STAGE_WILDCARD, o);
}

/* Step 5: the same for listeners on all ports. */
static __always_inline int match_all_ports(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	const struct port_slot *slot = slot_find(p, 0);

	if (!slot)
		return 0;
	o->named = match_named(p, slot, ctx->ingress_ifindex, 0, o);
	if (!o->named &&
	    !(o->local && match_wildcard(p, slot, ctx->ingress_ifindex, 0, STAGE_ALL_WILDCARD, o)))
		return 0;
	o->reason = REASON_LISTENER_ALL_PORTS;
	return 1;
}

/* Steps 6 and 7: no entry waits for the packet; the host's sockets have the last word. */
static __always_inline void settle_closed(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	o->reason = p->dst_port ? REASON_CLOSED : REASON_PORT_ZERO;
	if (p->dst_port && host_in_force()) {
		o->asked |= STAGE_HOST;
		if (host_has_socket(ctx, p)) {
			o->answered |= STAGE_HOST;
			o->reason = REASON_HOST_SOCKET;
			return;
		}
	}
	o->verdict = closed_in_force();
}

static __always_inline void settle_elsewhere(const struct packet *p, struct outcome *o)
{
	o->reason = p->group_frame ? REASON_MULTICAST : REASON_NOT_LOCAL;
	o->verdict = VERDICT_PASS;
	o->target = TARGET_NONE;
	o->listener = 0;
	o->counted = 0;
}

/* What is dropped without being named must be this host's by the kernel's word, not by a table alone. */
static __always_inline void confirm_local(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	o->asked |= STAGE_ROUTE;
	if (!is_forwarded(ctx, p))
		return;
	o->answered |= STAGE_ROUTE;
	settle_elsewhere(p, o);
}

/* A drop or a reject: may it be done, and can it be answered? */
static __always_inline void settle_refusal(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	if (o->verdict == VERDICT_REJECT && !may_be_answered(p))
		o->verdict = VERDICT_DROP;
	if (!o->named)
		confirm_local(ctx, p, o);
}

/* Port zero is reserved: no entry names it, none is asked. */
static __always_inline int match_entry(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	if (p->dst_port)
		return match_port(ctx, p, o) || match_all_ports(ctx, p, o);
	o->local = !p->group_frame && is_local(p);
	return 0;
}

/* A TCP or UDP packet with ports. */
static __always_inline void settle_ports(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	o->counted = 1;
	if (match_entry(ctx, p, o))
		o->verdict = verdict_of(o->target);
	else if (o->local)
		settle_closed(ctx, p, o);
	else
		settle_elsewhere(p, o);
	if (o->verdict != VERDICT_PASS)
		settle_refusal(ctx, p, o);
	if (p->fragment && !p->traced)
		fragment_remember(p, o);
}

/* Carries the verdict out. An answer that cannot be given is a drop. */
static __always_inline int act(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	if (mode_in_force() == MODE_MONITOR)
		return XDP_PASS;
	if (o->verdict == VERDICT_REJECT && !p->traced && !(reject_allowed() && answer(ctx, p)))
		o->verdict = VERDICT_DROP;
	o->action = o->verdict;
	if (o->verdict == VERDICT_REJECT)
		return XDP_TX;
	return o->verdict == VERDICT_DROP ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int xdemux(struct xdp_md *ctx)
{
	struct outcome o = {};
	struct packet p = {};
	int action;

	p.traced = trace_requested(ctx);
	o.reason = parse_frame(ctx, &p);
	if (o.reason == REASON_UNDECIDED)
		settle_ports(ctx, &p, &o);
	else
		settle_apart(ctx, &p, &o);
	action = act(ctx, &p, &o);
	count(&p, &o);
	if (p.traced)
		trace_write(ctx, &p, &o);
	return action;
}
