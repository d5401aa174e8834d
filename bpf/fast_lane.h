/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The common case, lean: a whole, well-formed TCP or UDP packet with plain headers to one of the
 * first local addresses, on a port whose slot answers by itself or stands empty. It takes the
 * stages of the full lane in the same order; where a stage needs more than that, it declines, and
 * the full lane starts anew. Until it concludes it writes nothing.
 *
 * Headers of fixed length stand at constant offsets, so one test of the frame's length serves all
 * reads, and few facts live at a time: that, not the number of stages, is what makes it fast.
 */
#ifndef XDEMUX_FAST_LANE_H
#define XDEMUX_FAST_LANE_H

#include "count.h"
#include "flow.h"
#include "guard.h"
#include "listener.h"
#include "parse.h"
#include "scan.h"
#include "settle.h"
#include "steer.h"
#include "trace.h"

/* No XDP action. */
#define DECLINED -1

/* Inlined for each outcome, so that none carries the others' facts. */
static __always_inline int conclude_at(const struct packet *p, enum reason reason,
				       enum verdict verdict, __u32 listener, __u32 steer)
{
	struct outcome o = {
		.reason = reason,
		.verdict = verdict,
		.action = verdict != VERDICT_PASS && settings.rules.mode == MODE_ENFORCE
				  ? verdict
				  : VERDICT_PASS,
		.listener = listener,
		.steer = steer,
		.counted = 1,
	};

	count(p, &o);
	if (o.action == VERDICT_STEER)
		return XDP_REDIRECT;
	return o.action == VERDICT_DROP ? XDP_DROP : XDP_PASS;
}

static __always_inline int conclude(const struct packet *p, enum reason reason,
				    enum verdict verdict, __u32 listener)
{
	return conclude_at(p, reason, verdict, listener, 0);
}

/* An answer to a reject is made in the full lane, and an event told. */
static __always_inline int is_plain(enum verdict verdict)
{
	return verdict == VERDICT_PASS || (verdict == VERDICT_DROP && !watch.until_ns);
}

/* IPv6's hash is made by a global function, since the stack has no room for what it takes. */
static __always_inline __u64 flow_hash_near(struct xdp_md *ctx, const struct packet *p)
{
	if (p->family == FAMILY_IPV6)
		return flow_hash_frame(ctx, p->l3_offset, flow_ports(p), p->proto);
	return flow_hash(p, FAMILY_IPV4);
}

/* As steer_near(). */
static __always_inline __u32 hand_over(struct xdp_md *ctx, const struct packet *p, __u32 listener,
				       __u32 target)
{
	if (settings.rules.mode != MODE_ENFORCE)
		return 0;
	return steer_near(ctx, listener, target, flow_hash_near(ctx, p));
}

/* `rest` is the flow's, or NULL where flow_count() is to ask for it. */
static __always_inline int conclude_flow(struct xdp_md *ctx, const struct packet *p, __u64 found,
					 struct flow_rest *rest)
{
	__u32 number = FLOW_ANSWER_USE(found) & FLOW_TARGET_MASK, steer = 0;
	enum verdict verdict = number < TARGET_FIRST ? verdict_of(number) : VERDICT_STEER;

	if (verdict == VERDICT_STEER)
		steer = hand_over(ctx, p, 0, number);
	if (!steer && !is_plain(verdict))
		return DECLINED;
	if (rest)
		flow_add(rest, FLOW_ANSWER_PLACE(found), p->family, FLOW_ANSWER_USE(found),
			 p->frame_len, p->tcp_flags);
	else
		flow_count(found, p->family, p->frame_len, p->tcp_flags);
	return conclude_at(p, REASON_FLOW, verdict, 0, steer);
}

static __always_inline int conclude_steered(struct xdp_md *ctx, const struct packet *p,
					    __u32 listener)
{
	__u32 steer;

	if (is_forwarded(ctx, p))
		return DECLINED;
	steer = hand_over(ctx, p, listener, 0);
	if (!steer)
		return DECLINED;
	return conclude_at(p, REASON_LISTENER_WILDCARD, VERDICT_STEER, listener, steer);
}

static __always_inline int conclude_listener(struct xdp_md *ctx, const struct packet *p,
					     __u32 target, __u32 listener)
{
	if (target == TARGET_PASS)
		return conclude(p, REASON_LISTENER_WILDCARD, VERDICT_PASS, listener);
	if (target == TARGET_STEER)
		return conclude_steered(ctx, p, listener);
	if (target != TARGET_DROP || !is_plain(VERDICT_DROP) || is_forwarded(ctx, p))
		return DECLINED;
	return conclude(p, REASON_LISTENER_WILDCARD, VERDICT_DROP, listener);
}

/* Nothing is declined once the guard has admitted the packet, for that may have used up some of the
 * source's rate. */
static __always_inline int conclude_guarded(struct xdp_md *ctx, const struct packet *p,
					    __u32 target, __u32 listener)
{
	enum reason refusal;

	if (target != TARGET_PASS)
		return DECLINED;
	refusal = ask_guard_about(ctx, p->l3_offset, p->family, listener);
	if (!refusal)
		return conclude(p, REASON_LISTENER_WILDCARD, VERDICT_PASS, listener);
	if (!is_plain(VERDICT_DROP) || is_forwarded(ctx, p))
		return DECLINED;
	return conclude(p, refusal, VERDICT_DROP, listener);
}

static __always_inline int conclude_closed(struct xdp_md *ctx, const struct packet *p)
{
	const struct port_slot *all_ports = slot_find(p, 0);
	enum verdict verdict = settings.rules.closed;

	if (!all_ports || !slot_is_empty(p, all_ports) || !is_plain(verdict))
		return DECLINED;
	if (settings.rules.host && host_has_socket(ctx, p))
		return conclude(p, REASON_HOST_SOCKET, VERDICT_PASS, 0);
	if (verdict == VERDICT_DROP && is_forwarded(ctx, p))
		return DECLINED;
	record_closed(ctx, p);
	return conclude(p, REASON_CLOSED, verdict, 0);
}

static __always_inline int fast_lane_ports(struct xdp_md *ctx, const struct packet *p)
{
	const struct port_slot *slot = slot_find(p, p->dst_port);
	enum flow_answer answer = FLOW_ABSENT;
	struct flow_match match;
	__u64 found;

	if (!slot)
		return DECLINED;
	if (slot->flows)
		answer = flow_find_near(p, flow_hash_near(ctx, p), p->family, &match);
	if (answer == FLOW_FOUND)
		return conclude_flow(ctx, p, flow_answer_of(&match), match.rest);
	if (answer == FLOW_UNSURE) {
		found = flow_find_frame(ctx, p->l3_offset, flow_ports(p),
					p->proto | (__u32)p->family << 8);
		if (found)
			return conclude_flow(ctx, p, found, NULL);
		slot = slot_find(p, p->dst_port); /* not kept on the stack meanwhile */
		if (!slot)
			return DECLINED;
	}
	if (slot_asks_more(p, slot) || blocking.until_ns || !is_hot_local(p))
		return DECLINED;
	if (slot->hints[p->family & 1] & HINT_WILDCARD_GUARDED)
		return conclude_guarded(ctx, p, slot->target[p->family & 1],
					slot->listener[p->family & 1]);
	if (slot->target[p->family & 1])
		return conclude_listener(ctx, p, slot->target[p->family & 1],
					 slot->listener[p->family & 1]);
	return conclude_closed(ctx, p);
}

/* `l3_offset` and `family` are constants. */
static __always_inline int fast_lane_ip(struct xdp_md *ctx, struct frame *f, __u32 l3_offset,
					__u8 family)
{
	__u32 l4_offset =
		l3_offset + (family == FAMILY_IPV6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	struct packet p = {
		.l3_offset = l3_offset,
		.family = family,
	};

	if (!frame_reaches(f, l4_offset + L4_FACTS_LEN) ||
	    (family == FAMILY_IPV6 ? parse_ipv6(ctx, f, &p) : parse_ipv4(ctx, f, &p)))
		return DECLINED;
	if (p.fragment)
		return DECLINED;
	if (p.l4_offset != l4_offset || !has_ports(p.protocol))
		return DECLINED;
	p.l4_offset = l4_offset;
	if (parse_ports(&p, f))
		return DECLINED;
	if (!p.dst_port)
		return DECLINED;
	return fast_lane_ports(ctx, &p);
}

static __always_inline int fast_lane_network(struct xdp_md *ctx, struct frame *f, __u32 l3_offset,
					     __be16 ethertype)
{
	if (ethertype == bpf_htons(ETH_P_IP))
		return fast_lane_ip(ctx, f, l3_offset, FAMILY_IPV4);
	if (ethertype == bpf_htons(ETH_P_IPV6))
		return fast_lane_ip(ctx, f, l3_offset, FAMILY_IPV6);
	return DECLINED;
}

static __always_inline int fast_lane(struct xdp_md *ctx)
{
	struct frame f = frame_of(ctx);
	const struct ethernet *eth = f.data;
	const struct vlan_tag *tag = f.data + sizeof(*eth);

	if (settings.confirm_by_ns || has_metadata(ctx) ||
	    !frame_reaches(&f, sizeof(*eth) + sizeof(*tag)) || eth->dst[0] & 1)
		return DECLINED;
	if (!is_vlan(eth->ethertype))
		return fast_lane_network(ctx, &f, sizeof(*eth), eth->ethertype);
	return fast_lane_network(ctx, &f, sizeof(*eth) + sizeof(*tag), tag->ethertype);
}

#endif
