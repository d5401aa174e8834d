/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The common case, lean: a whole, well-formed TCP or UDP packet with plain headers, of a flow, or
 * on a port whose slot answers by itself or stands empty, or to a destination that is remembered.
 * It takes the stages of the full lane in the same order. Where the destination has to be looked
 * up, the middle lane goes on; where a stage needs more than that, it declines, and the full lane
 * starts anew. Until it concludes it writes nothing.
 *
 * What it costs is the number of its instructions. Headers of fixed length stand at constant
 * offsets, so that one test of the frame's length serves all reads; a fact is read from the frame
 * where it is wanted, since few packets want all of them and they do not fit into registers; and
 * each outcome ends by itself, with constants.
 */
#ifndef XDEMUX_FAST_LANE_H
#define XDEMUX_FAST_LANE_H

#include "count.h"
#include "flow.h"
#include "guard.h"
#include "listener.h"
#include "middle_lane.h"
#include "parse.h"
#include "scan.h"
#include "settle.h"
#include "steer.h"
#include "trace.h"

/* No XDP action: the next stage decides. */
#define UNDECIDED -2

/* Where the slot's answer has none of these, it is the whole answer. */
#define HINTS_BESIDE_ANSWER (HINTS_NAMED | HINT_WILDCARD_BOUND | HINT_WILDCARD_GUARDED)

/* What every packet has that is looked at here. */
#define PLAIN_LEN (sizeof(struct ethernet) + sizeof(struct iphdr) + L4_FACTS_LEN)

static __always_inline void read_addresses(const struct frame *f, struct packet *p)
{
	if (p->family == FAMILY_IPV6)
		take_addresses_ipv6(p, frame_at(f, p->l3_offset, sizeof(struct ipv6hdr)));
	else
		take_addresses_ipv4(p, frame_at(f, p->l3_offset, sizeof(struct iphdr)));
}

/* With the 4-tuple whole. */
static __always_inline void read_peer(const struct frame *f, struct packet *p)
{
	parse_peer(p, f);
	read_addresses(f, p);
}

static __always_inline int conclude_as(const struct packet *p, enum reason reason,
				       enum verdict verdict, enum verdict action, __u32 listener,
				       __u32 steer)
{
	struct outcome o = {
		.reason = reason,
		.verdict = verdict,
		.action = action,
		.listener = listener,
		.steer = steer,
		.counted = 1,
	};

	count(p, &o);
	if (action == VERDICT_STEER)
		return XDP_REDIRECT;
	return action == VERDICT_DROP ? XDP_DROP : XDP_PASS;
}

/* `verdict` is a constant. */
static __always_inline int conclude_at(const struct packet *p, enum reason reason,
				       enum verdict verdict, __u32 listener, __u32 steer)
{
	if (verdict == VERDICT_PASS || settings.rules.mode != MODE_ENFORCE)
		return conclude_as(p, reason, verdict, VERDICT_PASS, listener, steer);
	return conclude_as(p, reason, verdict, verdict, listener, steer);
}

static __always_inline int conclude(const struct packet *p, enum reason reason,
				    enum verdict verdict, __u32 listener)
{
	return conclude_at(p, reason, verdict, listener, 0);
}

/* IPv6's hash is made by a global function, since the stack has no room for what it takes. */
static __always_inline __u64 flow_hash_fast(struct xdp_md *ctx, const struct packet *p)
{
	if (p->family == FAMILY_IPV6)
		return flow_hash_frame(ctx, p->l3_offset, flow_ports(p), p->proto);
	return flow_hash(p, FAMILY_IPV4);
}

/* As steer_fast(), of a packet whose peer was read. */
static __always_inline __u32 hand_over(struct xdp_md *ctx, const struct packet *p, __u32 listener,
				       __u32 target)
{
	if (settings.rules.mode != MODE_ENFORCE)
		return 0;
	return steer_fast(ctx, listener, target, flow_hash_fast(ctx, p), headers_of(p));
}

/* `rest` is the flow's, or NULL where flow_count() is to ask for it. Its atomic addition waits for
 * all that was read before and holds up all that is read after, so it is the last thing done. */
static __always_inline int conclude_flow_at(const struct packet *p, __u64 found,
					    struct flow_rest *rest, enum verdict verdict,
					    __u32 steer)
{
	int action = conclude_at(p, REASON_FLOW, verdict, 0, steer);

	if (rest)
		flow_add(rest, found, p->family, p->frame_len, p->tcp_flags);
	else
		flow_count(found, p->family, p->frame_len, p->tcp_flags);
	return action;
}

static __always_inline int conclude_flow(struct xdp_md *ctx, const struct packet *p, __u64 found,
					 struct flow_rest *rest)
{
	__u32 target = FLOW_ANSWER_USE(found) & FLOW_TARGET_MASK, steer;

	if (target == TARGET_PASS)
		return conclude_flow_at(p, found, rest, VERDICT_PASS, 0);
	if (target == TARGET_DROP && may_drop())
		return conclude_flow_at(p, found, rest, VERDICT_DROP, 0);
	if (target < TARGET_FIRST)
		return DECLINED;
	steer = hand_over(ctx, p, 0, target);
	if (!steer)
		return DECLINED;
	return conclude_flow_at(p, found, rest, VERDICT_STEER, steer);
}

static __always_inline int ask_flow(struct xdp_md *ctx, const struct frame *f, struct packet *p)
{
	enum flow_answer answer;
	struct flow_match match;
	__u64 found;

	read_peer(f, p);
	answer = flow_find_fast(p, flow_hash_fast(ctx, p), p->family, &match);
	if (answer == FLOW_ABSENT)
		return UNDECIDED;
	if (answer == FLOW_FOUND)
		return conclude_flow(ctx, p, flow_answer_of(&match), match.rest);
	found = flow_find_frame(ctx, p->l3_offset, flow_ports(p), p->proto | (__u32)p->family << 8);
	return found ? conclude_flow(ctx, p, found, NULL) : UNDECIDED;
}

static __always_inline int conclude_steered(struct xdp_md *ctx, const struct frame *f,
					    struct packet *p, __u32 listener)
{
	__u32 steer;

	if (is_for_others(ctx, p, 0))
		return DECLINED;
	read_peer(f, p);
	steer = hand_over(ctx, p, listener, 0);
	if (!steer)
		return DECLINED;
	return conclude_at(p, REASON_LISTENER_WILDCARD, VERDICT_STEER, listener, steer);
}

/* Nothing is declined once the guard has admitted the packet, for that may have used up some of the
 * source's rate. */
static __always_inline int conclude_guarded(struct xdp_md *ctx, const struct packet *p,
					    const struct port_slot *slot)
{
	__u32 listener = slot->listener[p->family & 1];
	enum reason refusal;

	if (slot->target[p->family & 1] != TARGET_PASS)
		return DECLINED;
	refusal = ask_guard_about(ctx, p->l3_offset, p->family, listener);
	if (!refusal)
		return conclude(p, REASON_LISTENER_WILDCARD, VERDICT_PASS, listener);
	if (!may_drop() || is_for_others(ctx, p, 0))
		return DECLINED;
	return conclude(p, refusal, VERDICT_DROP, listener);
}

/* `verdict` is a constant. */
static __always_inline int conclude_closed_as(struct xdp_md *ctx, const struct frame *f,
					      struct packet *p, enum verdict verdict)
{
	if (settings.rules.host && host_has_socket(ctx, p))
		return conclude(p, REASON_HOST_SOCKET, VERDICT_PASS, 0);
	if (verdict == VERDICT_DROP && (!may_drop() || is_for_others(ctx, p, 1)))
		return DECLINED;
	parse_peer(p, f);
	record_closed(ctx, p);
	return conclude(p, REASON_CLOSED, verdict, 0);
}

static __always_inline int conclude_closed(struct xdp_md *ctx, const struct frame *f,
					   struct packet *p)
{
	const struct port_slot *all_ports = slot_find(p, 0);

	if (!all_ports || !slot_is_empty(p, all_ports))
		return UNDECIDED;
	if (settings.rules.closed == VERDICT_DROP)
		return conclude_closed_as(ctx, f, p, VERDICT_DROP);
	if (settings.rules.closed == VERDICT_PASS)
		return conclude_closed_as(ctx, f, p, VERDICT_PASS);
	return DECLINED;
}

/* Of a local packet whose slot asks no more; what is most common first. */
static __always_inline int conclude_slot(struct xdp_md *ctx, const struct frame *f,
					 struct packet *p, const struct port_slot *slot)
{
	__u32 target = slot->target[p->family & 1], listener = slot->listener[p->family & 1];

	if (__builtin_expect(target == TARGET_PASS, 1)) {
		__builtin_assume(listener != 0);
		return conclude(p, REASON_LISTENER_WILDCARD, VERDICT_PASS, listener);
	}
	if (target == TARGET_NONE)
		return conclude_closed(ctx, f, p);
	if (target == TARGET_STEER)
		return conclude_steered(ctx, f, p, listener);
	if (target != TARGET_DROP || !may_drop() || is_for_others(ctx, p, 0))
		return DECLINED;
	return conclude(p, REASON_LISTENER_WILDCARD, VERDICT_DROP, listener);
}

/* Of a local packet. */
static __always_inline int conclude_port(struct xdp_md *ctx, const struct frame *f,
					 struct packet *p, const struct port_slot *slot)
{
	if (!(slot->hints[p->family & 1] & HINTS_BESIDE_ANSWER))
		return conclude_slot(ctx, f, p, slot);
	return slot_asks_more(p, slot) ? UNDECIDED : conclude_guarded(ctx, p, slot);
}

/* By what is remembered of the destination, where nobody else is to be asked. */
static __always_inline int conclude_destination(struct xdp_md *ctx, const struct packet *p)
{
	__u64 answer = destination_known(ctx, p);
	__u32 listener = ANSWER_LISTENER(answer);

	if (answer_is(answer, TARGET_PASS))
		return conclude(p, ANSWER_REASON(answer), VERDICT_PASS, listener);
	if (answer_is(answer, TARGET_DROP) && may_drop() &&
	    (answer & ANSWER_NAMED || !is_for_others(ctx, p, 0)))
		return conclude(p, ANSWER_REASON(answer), VERDICT_DROP, listener);
	return middle_lane(ctx, p->l3_offset, p->family, p->frame_len);
}

static __always_inline int fast_lane_ports(struct xdp_md *ctx, const struct frame *f,
					   struct packet *p)
{
	const struct port_slot *slot = slot_find(p, p->dst_port);
	int action;

	if (!slot)
		return DECLINED;
	if (slot->flows) {
		action = ask_flow(ctx, f, p);
		if (action != UNDECIDED)
			return action;
		slot = slot_find(p, p->dst_port); /* not kept on the stack meanwhile */
		if (!slot)
			return DECLINED;
	}
	read_addresses(f, p);
	if (blocking.until_ns)
		return DECLINED;
	action = is_hot_local(p) ? conclude_port(ctx, f, p, slot) : UNDECIDED;
	return action == UNDECIDED ? conclude_destination(ctx, p) : action;
}

/* Sets the protocol and where the packet ends; false where its header is not a plain one. */
static __always_inline int read_ip(const struct frame *f, struct packet *p)
{
	const struct ipv6hdr *ipv6;
	const struct iphdr *ipv4;

	if (p->family == FAMILY_IPV6) {
		ipv6 = frame_at(f, p->l3_offset, sizeof(*ipv6));
		p->protocol = ipv6->nexthdr;
		p->l3_end = p->l4_offset + bpf_ntohs(ipv6->payload_len);
		return *(const __u8 *)ipv6 >> 4 == 6;
	}
	ipv4 = frame_at(f, p->l3_offset, sizeof(*ipv4));
	p->protocol = ipv4->protocol;
	p->l3_end = p->l3_offset + bpf_ntohs(ipv4->tot_len);
	return is_plain_ipv4(ipv4);
}

/* `l3_offset` and `family` are constants. */
static __always_inline int fast_lane_ip(struct xdp_md *ctx, struct frame *f, __u32 l3_offset,
					__u8 family)
{
	struct packet p = {
		.l3_offset = l3_offset,
		.l4_offset = l3_offset + (family == FAMILY_IPV6 ? sizeof(struct ipv6hdr)
								: sizeof(struct iphdr)),
		.family = family,
	};

	if (p.l4_offset + L4_FACTS_LEN > PLAIN_LEN && !frame_reaches(f, p.l4_offset + L4_FACTS_LEN))
		return DECLINED;
	if (!read_ip(f, &p) || !has_ports(p.protocol) || parse_ports(&p, f) || !p.dst_port ||
	    !measure(ctx, f, &p))
		return DECLINED;
	return fast_lane_ports(ctx, f, &p);
}

static __always_inline int fast_lane_network(struct xdp_md *ctx, struct frame *f, __u32 l3_offset,
					     __be16 ethertype)
{
	if (ethertype == bpf_htons(ETH_P_IP))
		return fast_lane_ip(ctx, f, l3_offset, FAMILY_IPV4);
	if (ethertype == bpf_htons(ETH_P_IPV6))
		return fast_lane_ip(ctx, f, l3_offset, FAMILY_IPV6);
	return UNDECIDED;
}

static __always_inline int fast_lane(struct xdp_md *ctx)
{
	struct frame f = frame_of(ctx);
	const struct ethernet *eth = f.data;
	const struct vlan_tag *tag = f.data + sizeof(*eth);
	int action;

	if (settings.confirm_by_ns || has_metadata(ctx) || !frame_reaches(&f, PLAIN_LEN) ||
	    eth->dst[0] & 1)
		return DECLINED;
	action = fast_lane_network(ctx, &f, sizeof(*eth), eth->ethertype);
	if (action != UNDECIDED)
		return action;
	if (!is_vlan(eth->ethertype))
		return DECLINED;
	action = fast_lane_network(ctx, &f, sizeof(*eth) + sizeof(*tag), tag->ethertype);
	return action == UNDECIDED ? DECLINED : action;
}

#endif
