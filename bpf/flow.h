/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table behind its one interface: flow_find(). Nothing else in the data path knows how
 * flows are stored.
 */
#ifndef XDEMUX_FLOW_H
#define XDEMUX_FLOW_H

#include "maps.h"
#include "packet.h"

static __always_inline struct flow *flow_find(const struct packet *p)
{
	struct flow_key key = {
		.local_port = p->dst_port,
		.remote_port = p->src_port,
		.proto = p->proto,
		.family = p->family,
	};

	copy_dst(key.local_addr, p);
	copy_src(key.remote_addr, p);
	return bpf_map_lookup_elem(&flows, &key);
}

static __always_inline struct flow *match_flow(const struct packet *p, const struct port_slot *slot,
					       struct outcome *o)
{
	struct flow *flow;

	if (!slot->flows)
		return NULL;
	o->asked |= STAGE_FLOW;
	flow = flow_find(p);
	if (!flow)
		return NULL;
	o->answered |= STAGE_FLOW;
	o->reason = REASON_FLOW;
	o->target = flow->target;
	o->named = 1;
	return flow;
}

#endif
