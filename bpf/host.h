/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own word: does a socket of this namespace wait for the packet? Established,
 * half-open, TIME_WAIT and listening sockets all count. Read-only.
 */
#ifndef XDEMUX_HOST_H
#define XDEMUX_HOST_H

#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "frame.h"
#include "packet.h"

/* The kernel's numbers of the states that are asked for (<net/tcp_states.h>). */
enum {
	STATE_ESTABLISHED = 1,
	STATE_SYN_RECV = 3,
	STATE_LISTEN = 10,
	STATE_NEW_SYN_RECV = 12,
};

/* What is asked of the kernel, as bits. */
enum host_question {
	ASK_UDP = 1, /* PROTO_UDP */
	ASK_IPV6 = 2,
	ASK_CONNECTED = 4, /* sockets of a connection alone, half-open ones not among them */
};

static __always_inline int is_wanted_tcp(__u32 state, __u32 question)
{
	return !(question & ASK_CONNECTED) ||
	       (state != STATE_LISTEN && state != STATE_SYN_RECV && state != STATE_NEW_SYN_RECV);
}

/* A connected UDP socket has the state of an established one, any other that of a closed one
 * (ip4_datagram_connect()). */
static __always_inline int is_wanted_udp(__u32 state, __u32 question)
{
	return !(question & ASK_CONNECTED) || state == STATE_ESTABLISHED;
}

/* The tuple's length by the frame; 0 when it is not there. */
static __always_inline __u32 fill_tuple(const struct frame *f, __u32 l3_offset, __u32 l4_offset,
					__u32 question, struct bpf_sock_tuple *tuple)
{
	const __be16 *ports = frame_at(f, l4_offset, 2 * sizeof(*ports));

	if (!ports)
		return 0;
	if (question & ASK_IPV6) {
		const struct ipv6hdr *ip = frame_at(f, l3_offset, sizeof(*ip));

		if (!ip)
			return 0;
		__builtin_memcpy(tuple->ipv6.saddr, &ip->saddr, sizeof(tuple->ipv6.saddr));
		__builtin_memcpy(tuple->ipv6.daddr, &ip->daddr, sizeof(tuple->ipv6.daddr));
		tuple->ipv6.sport = ports[0];
		tuple->ipv6.dport = ports[1];
		return sizeof(tuple->ipv6);
	} else {
		const struct iphdr *ip = frame_at(f, l3_offset, sizeof(*ip));

		if (!ip)
			return 0;
		tuple->ipv4.saddr = ip->saddr;
		tuple->ipv4.daddr = ip->daddr;
		tuple->ipv4.sport = ports[0];
		tuple->ipv4.dport = ports[1];
		return sizeof(tuple->ipv4);
	}
}

/*
 * bpf_skc_lookup_tcp(), not bpf_sk_lookup_tcp(), which hides TIME_WAIT. The two calls return
 * different types, so each releases its own. A global function that reads the endpoints from the
 * frame: the tuple stays off the lanes' stacks.
 */
__noinline int ask_host(struct xdp_md *ctx, __u32 l3_offset, __u32 l4_offset, __u32 question)
{
	struct bpf_sock_tuple tuple = {};
	struct frame f = frame_of(ctx);
	__u32 size = fill_tuple(&f, l3_offset, l4_offset, question, &tuple);
	struct bpf_sock *sk;
	int wanted;

	if (!size)
		return 0;
	if (question & ASK_UDP) {
		sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			return 0;
		wanted = is_wanted_udp(sk->state, question);
		bpf_sk_release(sk);
	} else {
		sk = bpf_skc_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			return 0;
		wanted = is_wanted_tcp(sk->state, question);
		bpf_sk_release(sk);
	}
	return wanted;
}

static __always_inline int host_has(struct xdp_md *ctx, const struct packet *p, __u32 question)
{
	if (p->family == FAMILY_IPV6)
		question |= ASK_IPV6;
	return ask_host(ctx, p->l3_offset, p->l4_offset, question | p->proto);
}

static __always_inline int host_has_socket(struct xdp_md *ctx, const struct packet *p)
{
	return host_has(ctx, p, 0);
}

static __always_inline int host_has_connection(struct xdp_md *ctx, const struct packet *p)
{
	return host_has(ctx, p, ASK_CONNECTED);
}

#endif
