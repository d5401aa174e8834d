/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Targets beyond pass, drop and reject: which one it is, of a group which member, and the handing
 * over. A target that cannot act changes nothing, and its fallback stands in.
 *
 * Delivery to a socket is not done here: XDP passes such a packet, and the namespace's sk_lookup
 * program finds the socket.
 */
#ifndef XDEMUX_STEER_H
#define XDEMUX_STEER_H

#include "checksum.h"
#include "flow_table.h"
#include "frame.h"
#include "group_table.h"
#include "maps.h"
#include "packet.h"
#include "reject.h"
#include "settle.h"

/* Spread evenly over `count` by the hash's upper bits. */
static __always_inline __u32 choice_of(__u32 hash, __u32 count)
{
	return (__u64)hash * count >> 32;
}

/* The member of a group that the hash falls on; 0: it has none. */
static __always_inline __u32 member_of(__u32 group, __u32 hash)
{
	const struct group_table *table = group_table_of(group);
	__u32 place = choice_of(hash, GROUP_PLACES);

	barrier_var(place); /* the verifier knows less of a product */
	return table && place < GROUP_PLACES ? table->members[place] : 0;
}

/* The number of a listener's target; 0: it has none beyond its entries. */
static __always_inline __u32 listener_number(__u32 listener)
{
	const struct listener_target *t = bpf_map_lookup_elem(&listener_targets, &listener);

	return t ? t->target : 0;
}

/* What a match of TARGET_STEER means for the packet. A global function, since few packets need it
 * and the verifier shall look at it once. */
__noinline int aim(const struct packet *p, struct outcome *o)
{
	const struct target *target;
	__u32 number, member;

	if (!p || !o)
		return 0;
	if (!o->steer)
		o->steer = listener_number(o->listener);
	o->hash = flow_hash_of(p);
	o->verdict = VERDICT_STEER;
	number = o->steer;
	target = bpf_map_lookup_elem(&targets, &number);
	if (!target || target->kind != TARGET_GROUP)
		return 0;
	o->sticky = target->sticky && o->reason != REASON_FLOW;
	member = member_of(number, o->hash);
	if (!member)
		return 0; /* a group cannot act by itself, and its fallback stands in */
	if (member >= TARGET_FIRST) {
		o->steer = member;
		return 0;
	}
	o->target = member;
	o->verdict = verdict_of(member);
	return 0;
}

static __always_inline int has_fragments(struct xdp_md *ctx)
{
	struct frame f = frame_of(ctx);

	return bpf_xdp_get_buff_len(ctx) > frame_linear_len(&f);
}

static __always_inline int steer_to_cpu(const struct target *t, __u32 hash)
{
	return bpf_redirect_map(&cpus, t->first + choice_of(hash, t->count), 0);
}

static __always_inline int steer_to_dev(struct xdp_md *ctx, const struct target *t, __u32 dry)
{
	struct frame f = frame_of(ctx);
	struct ethernet *eth = frame_at(&f, 0, sizeof(*eth));
	__u32 mtu = 0;

	if (!eth || bpf_check_mtu(ctx, t->first, &mtu, 0, 0) ||
	    bpf_redirect_map(&devs, t->first, 0) != XDP_REDIRECT)
		return 0;
	if (t->rewrite && !dry) {
		__builtin_memcpy(eth->dst, t->dst_mac, sizeof(eth->dst));
		__builtin_memcpy(eth->src, t->src_mac, sizeof(eth->src));
	}
	return XDP_REDIRECT;
}

static __always_inline int steer_to_xsk(struct xdp_md *ctx, __u32 number)
{
	struct xsk_queue key = {
		.ifindex = ctx->ingress_ifindex,
		.queue = ctx->rx_queue_index,
		.target = number,
	};
	const struct xsk_place *place = bpf_map_lookup_elem(&xsk_queues, &key);

	return place ? bpf_redirect_map(&xsks, place->index, 0) : 0;
}

/* Only the CPUs' map takes frames of several buffers (xdp_do_redirect of Linux 6.1). */
static __always_inline int steer_to(struct xdp_md *ctx, const struct target *t, __u32 number,
				    __u32 hash, __u32 dry)
{
	if (t->kind == TARGET_CPU)
		return steer_to_cpu(t, hash);
	if (has_fragments(ctx))
		return 0;
	if (t->kind == TARGET_DEV)
		return steer_to_dev(ctx, t, dry);
	return t->kind == TARGET_XSK ? steer_to_xsk(ctx, number) : 0;
}

/*
 * Of a packet with these headers_of(). XDP_REDIRECT: handed over, if the program returns it; where
 * `dry`, the frame is left as it is for one that does not. 0: the target cannot act, and nothing
 * has changed.
 */
__noinline int steer(struct xdp_md *ctx, __u32 number, __u32 hash, __u32 headers, __u32 dry)
{
	const struct target *t = bpf_map_lookup_elem(&targets, &number);

	if (!t || steer_to(ctx, t, number, hash, dry) != XDP_REDIRECT ||
	    !finish_checksum(ctx, headers, dry))
		return 0;
	return XDP_REDIRECT;
}

/*
 * For the lanes that know no outcome but a simple one: hands the packet to the target with
 * the number, or, where that is 0, to the listener's. The number of who took it, of a group its
 * member's. 0: nobody did, or it is not as simple as that; then the frame is as it was, and the
 * full lane decides.
 */
__noinline int steer_fast(struct xdp_md *ctx, __u32 listener, __u32 target, __u32 hash,
			  __u32 headers)
{
	__u32 number = target ? target : listener_number(listener);
	const struct target *t = bpf_map_lookup_elem(&targets, &number);

	if (t && t->kind == TARGET_GROUP) {
		if (t->sticky)
			return 0;
		number = member_of(number, hash);
	}
	if (number < TARGET_FIRST)
		return 0;
	return steer(ctx, number, hash, headers, 0) == XDP_REDIRECT ? number : 0;
}

/* What has no ports of its own has no answer either. */
static __always_inline void fall_back(const struct packet *p, struct outcome *o)
{
	__u32 number = o->steer;
	const struct target *t = bpf_map_lookup_elem(&targets, &number);

	o->reason = REASON_TARGET_FALLBACK;
	o->verdict = t && t->kind ? verdict_of(t->fallback) : VERDICT_PASS;
	if (o->verdict == VERDICT_REJECT && (!o->counted || !may_be_answered(p)))
		o->verdict = VERDICT_DROP;
}

#endif
