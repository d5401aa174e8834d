/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is a destination this host's? The table of local routes answers quickly; before a real drop the
 * kernel is asked where it forwards, since the table may be stale there and the packet another
 * host's.
 */
#ifndef XDEMUX_LOCAL_H
#define XDEMUX_LOCAL_H

#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "frame.h"
#include "maps.h"
#include "packet.h"
#include "protocol.h"

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

static __always_inline int is_local(const struct packet *p)
{
	struct local_route key = {
		.prefixlen = LOCAL_ROUTE_FIXED_BITS + (p->family == FAMILY_IPV6 ? 128 : 32),
		.family = p->family,
	};

	if (is_hot_local(p))
		return 1;
	if (!local_hot.more[p->family & 1])
		return 0;
	copy_dst(key.addr, p);
	return !!bpf_map_lookup_elem(&local_routes, &key);
}

/* The addresses of the IP header at `l3_offset`, for a route look-up; false when it is not there.
 */
static __always_inline int fill_route(const struct frame *f, __u32 l3_offset,
				      struct bpf_fib_lookup *fib)
{
	const struct ipv6hdr *ipv6;
	const struct iphdr *ipv4;

	if (fib->family == AF_INET6) {
		ipv6 = frame_at(f, l3_offset, sizeof(*ipv6));
		if (!ipv6)
			return 0;
		__builtin_memcpy(fib->ipv6_src, &ipv6->saddr, sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, &ipv6->daddr, sizeof(fib->ipv6_dst));
		return 1;
	}
	ipv4 = frame_at(f, l3_offset, sizeof(*ipv4));
	if (!ipv4)
		return 0;
	fib->ipv4_src = ipv4->saddr;
	fib->ipv4_dst = ipv4->daddr;
	return 1;
}

/*
 * What bpf_fib_lookup() answers: NOT_FWDED for a local destination, FWD_DISABLED where the
 * interface does not forward. A global function that reads the addresses from the frame: the
 * look-up's large argument stays off the lanes' stacks, of which older kernels count all together.
 */
__noinline int ask_route(struct xdp_md *ctx, __u32 l3_offset, __u32 family, __u32 protocol)
{
	struct bpf_fib_lookup fib = {
		.family = family == FAMILY_IPV6 ? AF_INET6 : AF_INET,
		.l4_protocol = protocol,
		.ifindex = ctx->ingress_ifindex,
	};
	struct frame f = frame_of(ctx);

	if (!fill_route(&f, l3_offset, &fib))
		return BPF_FIB_LKUP_RET_NOT_FWDED;
	return bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
}

/*
 * Would the kernel send the packet on to another host? Whether the interface forwards is the
 * kernel's own word, at most one jiffy old, so that a switched sysctl counts at once and an
 * interface that does not forward is spared the look-up.
 */
static __always_inline int is_forwarded(struct xdp_md *ctx, const struct packet *p)
{
	__u32 ifindex = ctx->ingress_ifindex,
	      index = (ifindex << 1 | (p->family & 1)) % FORWARDING_SLOTS;
	struct forwarding *known = bpf_map_lookup_elem(&forwarding, &index);
	__u64 now = bpf_jiffies64();
	int answer;

	if (!known)
		return 1;
	if (!known->enabled && known->ifindex == ifindex && known->jiffies == now)
		return 0;
	answer = ask_route(ctx, p->l3_offset, p->family, p->protocol);
	known->ifindex = ifindex;
	known->jiffies = now;
	known->enabled = answer != BPF_FIB_LKUP_RET_FWD_DISABLED;
	return answer != BPF_FIB_LKUP_RET_FWD_DISABLED && answer != BPF_FIB_LKUP_RET_NOT_FWDED;
}

#endif
