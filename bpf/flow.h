/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a flow means for its packets, and what its packets mean for the flow: counters, and the
 * state that follows. How flows are stored is flow_table.h's part.
 */
#ifndef XDEMUX_FLOW_H
#define XDEMUX_FLOW_H

#include "flow_table.h"
#include "maps.h"
#include "packet.h"
#include "protocol.h"

/* Past these `traffic` is carried over, long before packets or bytes run out of bits. */
#define FLOW_TRAFFIC_FULL (1ull << (FLOW_MORE_SHIFT - 1) | 1ull << (FLOW_PACKETS_SHIFT - 1))

/* What is in the topmost bits of packets and bytes goes to flow_carries, which happens every 4
 * million packets, or half a terabyte: who clears a bit adds what it stands for. That there is more
 * is said before it is there, so that who erases the flow looks for it. A global function: rare. */
__noinline int flow_carry(__u32 place, __u32 family, __u32 life)
{
	struct flow_rest *rest = flow_rest_at(place, family == FAMILY_IPV6);
	struct flow_carry_key key = {.place = place, .life = life, .family = family};
	struct flow_carry *carry, nothing = {};
	__u64 taken;

	if (!rest)
		return 0;
	__sync_fetch_and_or(&rest->traffic, 1ull << FLOW_MORE_SHIFT);
	carry = bpf_map_lookup_elem(&flow_carries, &key);
	if (!carry) {
		bpf_map_update_elem(&flow_carries, &key, &nothing, BPF_NOEXIST);
		carry = bpf_map_lookup_elem(&flow_carries, &key);
	}
	if (!carry)
		return 0; /* no memory: the next packet tries again */
	taken = __sync_fetch_and_and(&rest->traffic, ~FLOW_TRAFFIC_FULL) & FLOW_TRAFFIC_FULL;
	__sync_fetch_and_add(&carry->packets,
			     taken >> (FLOW_MORE_SHIFT - 1)
					      << (FLOW_MORE_SHIFT - 1 - FLOW_PACKETS_SHIFT));
	__sync_fetch_and_add(&carry->bytes, taken & 1ull << (FLOW_PACKETS_SHIFT - 1));
	return 0;
}

static __always_inline __u32 flow_state_after(__u32 state, __u32 tcp_flags)
{
	if (state == FLOW_STICKY)
		return tcp_flags & (TCP_FIN | TCP_RST) ? FLOW_STICKY_ENDED : FLOW_STICKY;
	if (state == FLOW_STICKY_ENDED)
		return tcp_flags & TCP_SYN ? FLOW_STICKY : FLOW_STICKY_ENDED;
	if (state != FLOW_LEASED && state != FLOW_IN_USE)
		return state;
	if (tcp_flags & TCP_RST)
		return FLOW_QUARANTINE;
	return tcp_flags & TCP_FIN ? FLOW_TIME_WAIT : FLOW_IN_USE;
}

/* A lease moves twice at most; of a sticky flow that is moved to and fro, the last one counts. */
#define FLOW_MOVES_MAX 4

/* A packet moves its flow's state on. Only this very flow's: `life`, which is that of the look-up,
 * has its generation, and is in the word that is compared. A global function: rare. */
__noinline int flow_move_on(__u32 place, __u32 family, __u32 life, __u32 tcp_flags)
{
	struct flow_rest *rest = flow_rest_at(place, family == FAMILY_IPV6);
	__u64 before, after;
	__u32 state, next;
	int i;

	if (!rest)
		return 0;
	for (i = 0; i < FLOW_MOVES_MAX; i++) {
		before = read_once(rest);
		state = before >> (32 + FLOW_STATE_SHIFT) & 0xf;
		next = flow_state_after(state, tcp_flags);
		if (next == state || (__u32)(before >> 48) != life)
			return 0;
		after = (before & ~(0xfull << (32 + FLOW_STATE_SHIFT))) |
			(__u64)next << (32 + FLOW_STATE_SHIFT);
		if (__sync_val_compare_and_swap((__u64 *)rest, before, after) == before)
			return 0;
	}
	return 0;
}

/* The coarse clock as last_seen has it. */
static __always_inline __u32 flow_now(void)
{
	__u64 jiffies = bpf_jiffies64();

	if (flow_clock.jiffies != jiffies) {
		flow_clock.now = bpf_ktime_get_coarse_ns() >> FLOW_SEEN_SHIFT;
		flow_clock.jiffies = jiffies;
	}
	return flow_clock.now;
}

/*
 * One atomic addition, to a line that the look-up has just read and that in practice one CPU uses,
 * the flow's packets being its own; no other CPU waits for it. The clock is written when it moved.
 */
static __always_inline void flow_add(struct flow_rest *rest, __u64 found, __u32 family, __u64 bytes,
				     __u32 tcp_flags)
{
	__u64 more = 1ull << FLOW_PACKETS_SHIFT | bytes;
	__u32 now = flow_now();

	if (rest->traffic & FLOW_TRAFFIC_FULL)
		flow_carry(FLOW_ANSWER_PLACE(found), family, FLOW_ANSWER_LIFE(found));
	__sync_fetch_and_add(&rest->traffic, more);
	if (rest->last_seen != now)
		rest->last_seen = now;
	if (FLOW_ANSWER_USE(found) >> FLOW_STATE_SHIFT >= FLOW_LEASED)
		flow_move_on(FLOW_ANSWER_PLACE(found), family, FLOW_ANSWER_LIFE(found), tcp_flags);
}

/* As flow_add(), a global function for the full lane, whose stack is full. */
__noinline int flow_count(__u64 found, __u32 family, __u32 bytes, __u32 tcp_flags)
{
	struct flow_rest *rest = flow_rest_at(FLOW_ANSWER_PLACE(found), family == FAMILY_IPV6);

	if (rest)
		flow_add(rest, found, family, bytes, tcp_flags);
	return 0;
}

/* What flow_find() answered. */
static __always_inline __u64 match_flow(const struct packet *p, const struct port_slot *slot,
					struct outcome *o)
{
	__u32 number;
	__u64 found;

	if (!slot->flows)
		return 0;
	o->asked |= STAGE_FLOW;
	found = flow_find(p);
	if (!found)
		return 0;
	o->answered |= STAGE_FLOW;
	o->reason = REASON_FLOW;
	number = FLOW_ANSWER_USE(found) & FLOW_TARGET_MASK;
	o->steer = number < TARGET_FIRST ? 0 : number;
	o->target = number < TARGET_FIRST ? number : TARGET_STEER;
	o->named = 1;
	return found;
}

#endif
