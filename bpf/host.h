/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own word: does a socket of this namespace wait for the packet? Established,
 * half-open, TIME_WAIT and listening sockets all count. Read-only.
 */
#ifndef XDEMUX_HOST_H
#define XDEMUX_HOST_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>

#include "packet.h"

static __always_inline __u32 socket_tuple(const struct packet *p, struct bpf_sock_tuple *tuple)
{
	if (p->family == FAMILY_IPV6) {
		__builtin_memcpy(tuple->ipv6.saddr, p->src6, sizeof(tuple->ipv6.saddr));
		__builtin_memcpy(tuple->ipv6.daddr, p->dst6, sizeof(tuple->ipv6.daddr));
		tuple->ipv6.sport = bpf_htons(p->src_port);
		tuple->ipv6.dport = bpf_htons(p->dst_port);
		return sizeof(tuple->ipv6);
	}
	tuple->ipv4.saddr = p->src4;
	tuple->ipv4.daddr = p->dst4;
	tuple->ipv4.sport = bpf_htons(p->src_port);
	tuple->ipv4.dport = bpf_htons(p->dst_port);
	return sizeof(tuple->ipv4);
}

/*
 * bpf_skc_lookup_tcp(), not bpf_sk_lookup_tcp(), which hides TIME_WAIT. The two calls return
 * different types, so each releases its own.
 */
static __always_inline int host_has_socket(struct xdp_md *ctx, const struct packet *p)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = socket_tuple(p, &tuple);

	if (p->proto == PROTO_TCP) {
		struct bpf_sock *sk = bpf_skc_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);

		if (!sk)
			return 0;
		bpf_sk_release(sk);
		return 1;
	} else {
		struct bpf_sock *sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);

		if (!sk)
			return 0;
		bpf_sk_release(sk);
		return 1;
	}
}

#endif
