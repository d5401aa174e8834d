/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Evidence of scans: who touched closed endpoints. One slot of a bounded table a packet, no other
 * memory, nothing shared between CPUs.
 */
#ifndef XDEMUX_SCAN_H
#define XDEMUX_SCAN_H

#include <bpf/bpf_endian.h>

#include "frame.h"
#include "hash.h"
#include "local.h"
#include "maps.h"
#include "packet.h"

#define CREDIT_MAX 255

/* One closed endpoint and who touched it. */
struct touch {
	__u64 src[2];
	__u64 dst[2];
	__u32 endpoint; /* proto << 16 | port */
	__u8 family;
	__u8 tcp_flags;
	__u8 zero[2];
};

static __always_inline int is_scanner(const struct scanner *s, const struct touch *t)
{
	const __u64 *addr = (const __u64 *)s->addr;

	return s->family == t->family && addr[0] == t->src[0] && addr[1] == t->src[1];
}

/* Makes the slot the source's; false while another one's credit lasts. */
static __always_inline int take_slot(struct scanner *s, const struct touch *t, __u32 now)
{
	__u64 *addr = (__u64 *)s->addr;

	if (s->last_seen && s->credit) {
		s->credit--;
		return 0;
	}
	addr[0] = t->src[0];
	addr[1] = t->src[1];
	s->first_seen = now;
	s->packets = 0;
	s->family = t->family;
	s->credit = 0;
	s->protocols = 0;
	s->tcp_flags = 0;
	s->endpoints[0] = s->endpoints[1] = s->endpoints[2] = 0;
	s->addresses = 0;
	return 1;
}

static __always_inline void mark(struct scanner *s, const struct touch *t)
{
	__u64 endpoint = hash_addr(t->dst, (__u64)(t->endpoint + 1) << 32),
	      bit = 1ull << (endpoint >> 58);

	s->endpoints[0] |= bit;
	if (!(endpoint >> 54 & 15))
		s->endpoints[1] |= bit;
	if (!(endpoint >> 50 & 255))
		s->endpoints[2] |= bit;
	s->addresses |= 1ull << (hash_addr(t->dst, 0) >> 58);
}

static __always_inline void note_touch(const struct touch *t)
{
	__u32 slot = hash_addr(t->src, t->family) >> 32 & (settings.scan_slots - 1);
	struct scanner *s = bpf_map_lookup_elem(&scanners, &slot);
	__u32 now = (bpf_ktime_get_coarse_ns() >> 30) + 1;

	if (!s || (!is_scanner(s, t) && !take_slot(s, t, now)))
		return;
	s->last_seen = now;
	s->packets++;
	if (s->credit < CREDIT_MAX)
		s->credit++;
	s->protocols |= 1 << (t->endpoint >> 16);
	s->tcp_flags |= t->tcp_flags;
	mark(s, t);
}

/* Reads the addresses at `l3_offset`; false when they are not there. */
static __always_inline int fill_touch(const struct frame *f, __u32 l3_offset, struct touch *t)
{
	if (t->family == FAMILY_IPV6) {
		const struct ipv6hdr *ip = frame_at(f, l3_offset, sizeof(*ip));

		if (!ip)
			return 0;
		copy_halves(t->src, &ip->saddr);
		copy_halves(t->dst, &ip->daddr);
	} else {
		const struct iphdr *ip = frame_at(f, l3_offset, sizeof(*ip));

		if (!ip)
			return 0;
		t->src[0] = ip->saddr;
		t->dst[0] = ip->daddr;
	}
	return 1;
}

/* A global function that reads the addresses from the frame, so that the fast lane's facts stay in
 * registers. `endpoint` is proto << 16 | port. */
__noinline int record_scan(struct xdp_md *ctx, __u32 l3_offset, __u32 family, __u32 endpoint,
			   __u32 tcp_flags)
{
	struct touch t = {
		.family = family,
		.endpoint = endpoint,
		.tcp_flags = tcp_flags,
	};
	struct frame f = frame_of(ctx);

	if (fill_touch(&f, l3_offset, &t))
		note_touch(&t);
	return 0;
}

static __always_inline int may_note(void)
{
	__u64 now = bpf_jiffies64();
	struct scan_budget *budget;
	__u32 zero = 0;

	budget = bpf_map_lookup_elem(&scan_budgets, &zero);
	if (!budget)
		return 0;
	if (budget->jiffies != now) {
		budget->jiffies = now;
		budget->touches = 0;
	}
	if (budget->touches >= SCAN_TOUCHES_MAX) {
		budget->skipped++;
		return 0;
	}
	budget->touches++;
	return 1;
}

/* Before the packet is answered, for the answer is made in its place. */
static __always_inline void record_closed(struct xdp_md *ctx, const struct packet *p)
{
	if (settings.scan_slots && !p->traced && may_note())
		record_scan(ctx, p->l3_offset, p->family, port_index(p, p->dst_port), p->tcp_flags);
}

#endif
