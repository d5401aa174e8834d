/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is a destination this host's? The table of local routes answers quickly. Before a real drop the
 * frame's destination is asked for too, and the kernel where it forwards: the table may be stale
 * there, and the packet another host's.
 */
#ifndef XDEMUX_LOCAL_H
#define XDEMUX_LOCAL_H

#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "frame.h"
#include "maps.h"
#include "packet.h"
#include "protocol.h"

#define IPV6_FLOWINFO_MASK 0x0fffffff /* <net/ipv6.h>: traffic class and flow label */

static __always_inline int same_ipv6(const __u64 a[2], const __u8 b[16])
{
	const __u64 *halves = (const __u64 *)b;

	return !((a[0] ^ halves[0]) | (a[1] ^ halves[1]));
}

/* A torn read of an address under change is a mixture of two: no packet's destination, or one of
 * both. */
static __always_inline int is_hot_local(const struct packet *p)
{
	int i;

	if (p->family == FAMILY_IPV4) {
#pragma unroll
		for (i = 0; i < LOCAL_HOT_IPV4; i++)
			if (*(const __be32 *)local_hot.ipv4[i] == p->dst4)
				return 1;
		return 0;
	}
#pragma unroll
	for (i = 0; i < LOCAL_HOT_IPV6; i++)
		if (same_ipv6(p->dst6, local_hot.ipv6[i]))
			return 1;
	return 0;
}

/* What the whole table has of the destination: 1 + enum local_source, 0 for nothing. A global
 * function: its key stays off the lanes' stacks. */
__noinline int ask_local(const struct packet *p)
{
	struct local_route key = {};
	const struct local_entry *entry;

	if (!p)
		return 0;
	key.prefixlen = LOCAL_ROUTE_FIXED_BITS + (p->family == FAMILY_IPV6 ? 128 : 32);
	key.family = p->family;
	copy_dst(key.addr, p);
	entry = bpf_map_lookup_elem(&local_routes, &key);
	return entry ? 1 + entry->source : 0;
}

static __always_inline int is_local(const struct packet *p)
{
	return is_hot_local(p) || (local_hot.more[p->family & 1] && ask_local(p));
}

/* What rules look at: the addresses and the class of the IP header at `l3_offset`, the ports behind
 * it. False when there is no such header. */
static __always_inline int fill_route(const struct frame *f, __u32 l3_offset, __u32 l4_offset,
				      struct bpf_fib_lookup *fib)
{
	const __be16 *ports = frame_at(f, l4_offset, 2 * sizeof(*ports));
	const struct ipv6hdr *ipv6;
	const struct iphdr *ipv4;

	if (ports) {
		fib->sport = ports[0];
		fib->dport = ports[1];
	}
	if (fib->family == AF_INET6) {
		ipv6 = frame_at(f, l3_offset, sizeof(*ipv6));
		if (!ipv6)
			return 0;
		fib->flowinfo = *(const __be32 *)ipv6 & bpf_htonl(IPV6_FLOWINFO_MASK);
		__builtin_memcpy(fib->ipv6_src, &ipv6->saddr, sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, &ipv6->daddr, sizeof(fib->ipv6_dst));
		return 1;
	}
	ipv4 = frame_at(f, l3_offset, sizeof(*ipv4));
	if (!ipv4)
		return 0;
	fib->tos = ipv4->tos;
	fib->ipv4_src = ipv4->saddr;
	fib->ipv4_dst = ipv4->daddr;
	return 1;
}

/*
 * What bpf_fib_lookup() answers: NOT_FWDED for a local destination, FWD_DISABLED where the
 * interface does not forward. A global function that reads the addresses from the frame: the
 * look-up's large argument stays off the lanes' stacks, of which older kernels count all together.
 */
__noinline int ask_route(struct xdp_md *ctx, __u32 l3_offset, __u32 l4_offset, __u32 family,
			 __u32 protocol)
{
	struct bpf_fib_lookup fib = {
		.family = family == FAMILY_IPV6 ? AF_INET6 : AF_INET,
		.l4_protocol = protocol,
		.ifindex = ctx->ingress_ifindex,
	};
	struct frame f = frame_of(ctx);

	if (!fill_route(&f, l3_offset, l4_offset, &fib))
		return BPF_FIB_LKUP_RET_NOT_FWDED;
	return bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
}

/* What local_routes has of the frame's destination address; 0: it is not of this host. A group's
 * frames are everybody's. A global function: rare, and its key stays off the lanes' stacks. */
__noinline int ask_link(struct xdp_md *ctx)
{
	struct local_route key = {};
	struct local_link *link = (struct local_link *)key.addr;
	struct frame f = frame_of(ctx);
	const __u8 *mac = frame_at(&f, 0, sizeof(link->mac));
	const struct local_entry *entry;

	if (!mac)
		return 0;
	if (mac[0] & 1)
		return LOCAL_BY_LINK;
	key.prefixlen = LOCAL_ROUTE_FIXED_BITS + LOCAL_LINK_BITS;
	key.family = FAMILY_LINK;
	link->ifindex = ctx->ingress_ifindex;
	__builtin_memcpy(link->mac, mac, sizeof(link->mac));
	entry = bpf_map_lookup_elem(&local_routes, &key);
	return entry ? entry->source : 0;
}

/* Whose a packet is, by the kernel's word and the frame's destination. */
enum arrival {
	ARRIVAL_LOCAL = 0,
	ARRIVAL_FORWARDED = 1, /* the kernel would send it on */
	ARRIVAL_FOREIGN = 2,   /* not for this host's station, or that cannot be told */
};

static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	return !((*(const __u32 *)a ^ *(const __u32 *)b) |
		 (*(const __u16 *)(a + 4) ^ *(const __u16 *)(b + 4)));
}

/* What is asked about a packet beside where its headers are, in one number. */
#define ARRIVAL_FAMILY(q)   ((q)&1)
#define ARRIVAL_CLOSED	    0x100 /* no socket was found for it */
#define ARRIVAL_PROTOCOL(q) ((q) >> 16)

static __always_inline __u32 arrival_question(const struct packet *p, int closed)
{
	return (p->family & 1) | (closed ? ARRIVAL_CLOSED : 0) | (__u32)p->protocol << 16;
}

static __always_inline struct forwarding *arrival_at(__u32 ifindex, __u32 family)
{
	__u32 index = (ifindex << 1 | (family & 1)) % FORWARDING_SLOTS;

	return bpf_map_lookup_elem(&forwarding, &index);
}

/* At most one jiffy old, so that a switched sysctl counts at once, and an interface that does not
 * forward is spared the route's look-up. */
static __always_inline int is_known(const struct forwarding *known, __u32 ifindex, const __u8 *mac)
{
	return known->ifindex == ifindex && known->jiffies == (__u32)bpf_jiffies64() &&
	       same_mac(known->mac, mac);
}

static __always_inline int is_link_local(const struct frame *f, __u32 l3_offset)
{
	const struct ipv6hdr *ip = frame_at(f, l3_offset, sizeof(*ip));

	return ip && (*(const __be16 *)&ip->daddr & bpf_htons(0xffc0)) == bpf_htons(0xfe80);
}

/* enum arrival; what is_for_others() does not know by itself. A global function. */
__noinline int ask_arrival(struct xdp_md *ctx, __u32 l3_offset, __u32 l4_offset, __u32 question)
{
	__u32 ifindex = ctx->ingress_ifindex, family = ARRIVAL_FAMILY(question);
	struct forwarding *known = arrival_at(ifindex, family);
	struct frame f = frame_of(ctx);
	const __u8 *mac = frame_at(&f, 0, sizeof(known->mac));
	int route;

	if (!known || !mac)
		return ARRIVAL_FOREIGN;
	if (!is_known(known, ifindex, mac)) {
		known->ifindex = ifindex;
		known->jiffies = bpf_jiffies64();
		__builtin_memcpy(known->mac, mac, sizeof(known->mac));
		known->link = ask_link(ctx);
		known->enabled = 1;
	}
	if (!known->link || (question & ARRIVAL_CLOSED && family == FAMILY_IPV6 &&
			     known->link == LOCAL_BY_STACKED_LINK && is_link_local(&f, l3_offset)))
		return ARRIVAL_FOREIGN;
	if (!known->enabled)
		return ARRIVAL_LOCAL;
	route = ask_route(ctx, l3_offset, l4_offset, family, ARRIVAL_PROTOCOL(question));
	known->enabled = route != BPF_FIB_LKUP_RET_FWD_DISABLED;
	return known->enabled && route != BPF_FIB_LKUP_RET_NOT_FWDED ? ARRIVAL_FORWARDED
								     : ARRIVAL_LOCAL;
}

/*
 * May the packet be for somebody else, whatever the local routes say? A frame for another station
 * goes to a bridge's other ports; a packet that the kernel forwards, to another host. And the
 * socket that a link-local packet is for may be bound to a device above this one, where the look-up
 * does not see it: `closed`, a constant, says that none was
 * found.
 */
static __always_inline int is_for_others(struct xdp_md *ctx, const struct packet *p, int closed)
{
	__u32 ifindex = ctx->ingress_ifindex;
	const struct forwarding *known = arrival_at(ifindex, p->family);
	struct frame f = frame_of(ctx);
	const __u8 *mac = frame_at(&f, 0, sizeof(known->mac));

	if (known && mac && is_known(known, ifindex, mac) && !known->enabled &&
	    (closed ? known->link == LOCAL_BY_LINK : known->link))
		return 0;
	return ask_arrival(ctx, p->l3_offset, p->l4_offset, arrival_question(p, closed)) !=
	       ARRIVAL_LOCAL;
}

#endif
