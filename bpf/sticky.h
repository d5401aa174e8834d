/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sticky groups: the flow that fell on a member goes into the flow table with the member's number,
 * and so stays there when the group changes. What finds no room falls on whom the group says, and
 * is counted.
 */
#ifndef XDEMUX_STICKY_H
#define XDEMUX_STICKY_H

#include "flow_insert.h"
#include "listener.h"
#include "protocol.h"
#include "steer.h"

/* Of TCP what acknowledges: a flood of SYNs with made-up sources leaves no flows behind. */
static __always_inline int is_worth_keeping(const struct packet *p)
{
	return p->proto != PROTO_TCP ||
	       (p->tcp_flags & (TCP_ACK | TCP_SYN | TCP_FIN | TCP_RST)) == TCP_ACK;
}

__noinline int slot_count_flow(__u32 index, __u32 more)
{
	struct port_slot *slot = bpf_map_lookup_elem(&port_slots, &index);

	if (slot)
		__sync_fetch_and_add(&slot->flows, more);
	return 0;
}

/* The listener's group is looked for once more: where the packet goes, its member stands. */
__noinline int count_unkept(__u32 listener)
{
	__u32 number = listener_number(listener);
	struct target_count *c;

	c = bpf_map_lookup_elem(&target_counts, &number);
	if (c)
		c->unkept_packets++;
	return 0;
}

/* A line that somebody else writes just now is for the flow's next packet to ask for. */
static __always_inline void keep_flow(const struct packet *p, const struct outcome *o)
{
	__u32 member = o->target == TARGET_STEER ? o->steer : o->target;
	int done;

	if (!is_worth_keeping(p))
		return;
	slot_count_flow(port_index(p, p->dst_port), 1);
	done = flow_insert(p, FLOW_STICKY << FLOW_STATE_SHIFT | member);
	if (done == FLOW_INSERTED)
		return;
	slot_count_flow(port_index(p, p->dst_port), -1);
	if (done == FLOW_NO_ROOM)
		count_unkept(o->listener);
}

#endif
