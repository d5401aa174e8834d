/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Listeners in their order of precedence: exact address, prefix, wildcard; and the same once more
 * for the listeners on all ports, which live under port 0. Only what the port's slot hints at is
 * looked up. These functions read the tables and write struct outcome.
 */
#ifndef XDEMUX_LISTENER_H
#define XDEMUX_LISTENER_H

#include "maps.h"
#include "packet.h"

static __always_inline const struct port_slot *slot_find(const struct packet *p, __u16 port)
{
	__u32 index = port_index(p, port);

	return bpf_map_lookup_elem(&port_slots, &index);
}

/* `family` is the packet's, or FAMILY_DUAL with a zero address. */
static __always_inline const struct listen_entry *
listen_addr_find(const struct packet *p, __u32 ifindex, __u16 port, int wildcard, __u8 family)
{
	struct listen_addr key = {
		.ifindex = ifindex,
		.port = port,
		.proto = p->proto,
		.family = family,
	};

	if (!wildcard)
		copy_dst(key.addr, p);
	return bpf_map_lookup_elem(&listen_addrs, &key);
}

static __always_inline const struct listen_entry *listen_prefix_find(const struct packet *p,
								     __u32 ifindex, __u16 port)
{
	struct listen_prefix key = {
		.prefixlen = LISTEN_PREFIX_FIXED_BITS + (p->family == FAMILY_IPV6 ? 128 : 32),
		.ifindex = ifindex,
		.port = port,
		.proto = p->proto,
		.family = p->family,
	};

	copy_dst(key.addr, p);
	return bpf_map_lookup_elem(&listen_prefixes, &key);
}

static __always_inline int answered_by(struct outcome *o, const struct listen_entry *entry,
				       enum reason reason, __u32 stage)
{
	o->asked |= stage;
	if (!entry)
		return 0;
	o->answered |= stage;
	o->reason = reason;
	o->listener = entry->listener;
	o->target = entry->target;
	o->prefix_len = entry->prefix_len;
	o->guarded = entry->guarded;
	return 1;
}

static __always_inline int match_exact(const struct packet *p, __u32 hints, __u32 ifindex,
				       __u16 port, __u32 stage, struct outcome *o)
{
	if (hints & HINT_EXACT_BOUND &&
	    answered_by(o, listen_addr_find(p, ifindex, port, 0, p->family), REASON_LISTENER_EXACT,
			stage))
		return 1;
	return hints & HINT_EXACT && answered_by(o, listen_addr_find(p, 0, port, 0, p->family),
						 REASON_LISTENER_EXACT, stage);
}

/* The longest prefix wins, bound to the device or not; at equal length the bound one. */
static __always_inline int match_prefix(const struct packet *p, __u32 hints, __u32 ifindex,
					__u16 port, __u32 stage, struct outcome *o)
{
	const struct listen_entry *bound = NULL, *any = NULL;

	if (hints & HINT_PREFIX_BOUND)
		bound = listen_prefix_find(p, ifindex, port);
	if (hints & HINT_PREFIX)
		any = listen_prefix_find(p, 0, port);
	if (bound && (!any || bound->prefix_len >= any->prefix_len))
		return answered_by(o, bound, REASON_LISTENER_PREFIX, stage);
	return answered_by(o, any, REASON_LISTENER_PREFIX, stage);
}

/* The packet's family bound to the device, then unbound, then dual-stack bound, then unbound. */
static __always_inline int match_wildcard(const struct packet *p, const struct port_slot *slot,
					  __u32 ifindex, __u16 port, __u32 stage, struct outcome *o)
{
	__u32 hints = slot->hints[p->family & 1], target = slot->target[p->family & 1];

	o->asked |= stage;
	if (hints & HINT_WILDCARD_BOUND) {
		if (answered_by(o, listen_addr_find(p, ifindex, port, 1, p->family),
				REASON_LISTENER_WILDCARD, stage))
			return 1;
		if ((!target || hints & HINT_WILDCARD_DUAL) &&
		    answered_by(o, listen_addr_find(p, ifindex, port, 1, FAMILY_DUAL),
				REASON_LISTENER_WILDCARD, stage))
			return 1;
	}
	if (!target)
		return 0;
	o->answered |= stage;
	o->reason = REASON_LISTENER_WILDCARD;
	o->listener = slot->listener[p->family & 1];
	o->target = target;
	o->guarded = !!(hints & HINT_WILDCARD_GUARDED);
	return 1;
}

#define HINTS_NAMED (HINT_EXACT | HINT_EXACT_BOUND | HINT_PREFIX | HINT_PREFIX_BOUND)

/* Listeners that name the destination, on the packet's port or, as port 0, on all ports. */
static __always_inline int match_named(const struct packet *p, const struct port_slot *slot,
				       __u32 ifindex, __u16 port, struct outcome *o)
{
	__u32 hints = slot->hints[p->family & 1];

	if (!(hints & HINTS_NAMED))
		return 0;
	o->named =
		match_exact(p, hints, ifindex, port, port ? STAGE_EXACT : STAGE_ALL_EXACT, o) ||
		(hints & (HINT_PREFIX | HINT_PREFIX_BOUND) &&
		 match_prefix(p, hints, ifindex, port, port ? STAGE_PREFIX : STAGE_ALL_PREFIX, o));
	return o->named;
}

/* Wildcards speak for this host's addresses alone. */
static __always_inline int match_listeners_on(const struct packet *p, __u32 ifindex, __u16 port,
					      struct outcome *o)
{
	const struct port_slot *slot = slot_find(p, port);

	return slot &&
	       (match_named(p, slot, ifindex, port, o) ||
		(o->local && match_wildcard(p, slot, ifindex, port,
					    port ? STAGE_WILDCARD : STAGE_ALL_WILDCARD, o)));
}

/* Steps 2 to 5 in full, of a packet with a port. */
static __always_inline int match_listeners(const struct packet *p, __u32 ifindex, struct outcome *o)
{
	if (match_listeners_on(p, ifindex, p->dst_port, o))
		return 1;
	if (!match_listeners_on(p, ifindex, 0, o))
		return 0;
	o->reason = REASON_LISTENER_ALL_PORTS;
	return 1;
}

/* As a global function, for the middle and the full lane: the verifier looks at it once. */
__noinline int find_listener(struct xdp_md *ctx, const struct packet *p, struct outcome *o)
{
	if (!p || !o)
		return 0;
	return match_listeners(p, ctx->ingress_ifindex, o);
}

/* A slot without hints answers by itself: on its port no listener names an address or a device. For
 * a local packet. */
static __always_inline int match_slot(const struct packet *p, const struct port_slot *slot,
				      struct outcome *o)
{
	o->reason = REASON_LISTENER_WILDCARD;
	o->listener = slot->listener[p->family & 1];
	o->target = slot->target[p->family & 1];
	return o->target;
}

/* Whether the slot's own answer, with its guard, is not enough. That it is a dual-stack one matters
 * beside bound wildcards alone. */
static __always_inline int slot_asks_more(const struct packet *p, const struct port_slot *slot)
{
	return slot->hints[p->family & 1] & (HINTS_NAMED | HINT_WILDCARD_BOUND);
}

static __always_inline int slot_is_empty(const struct packet *p, const struct port_slot *slot)
{
	return !slot->target[p->family & 1] && !slot->hints[p->family & 1] && !slot->flows;
}

#endif
