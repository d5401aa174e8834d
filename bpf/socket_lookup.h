/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Delivery to registered sockets. Where no established socket has a packet's 4-tuple, the network
 * namespace's look-up asks here (inet_lookup_run_sk_lookup() of the kernel): for TCP once a
 * connection, for UDP once a datagram, on whatever device it came. Tables and precedence are the
 * pipeline's: a flow first, then the listeners. Blocks and guards are the pipeline's part alone.
 *
 * What another program of the namespace chose before stands, and what no listener gives to a socket
 * is left to the kernel. A packet is counted here once it is assigned or its target falls back; how
 * long it is, nobody tells.
 */
#ifndef XDEMUX_SOCKET_LOOKUP_H
#define XDEMUX_SOCKET_LOOKUP_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>

#include "flow_table.h"
#include "listener.h"
#include "maps.h"
#include "packet.h"
#include "parse_l4.h"
#include "protocol.h"
#include "rules.h"

static __always_inline __u64 two_words(__u32 first, __u32 second)
{
	__u32 words[2] = {first, second};
	__u64 both;

	__builtin_memcpy(&both, words, sizeof(both));
	return both;
}

/* To which port. `family` is a constant, here and below. */
static __always_inline struct packet packet_to_port(const struct bpf_sk_lookup *ctx, __u8 family)
{
	struct packet p = {
		.family = family,
		.proto = proto_of(ctx->protocol),
		.dst_port = ctx->local_port,
	};

	return p;
}

/* To which address and port. */
static __always_inline struct packet packet_to(const struct bpf_sk_lookup *ctx, __u8 family)
{
	struct packet p = packet_to_port(ctx, family);

	if (family == FAMILY_IPV6) {
		p.dst6[0] = two_words(ctx->local_ip6[0], ctx->local_ip6[1]);
		p.dst6[1] = two_words(ctx->local_ip6[2], ctx->local_ip6[3]);
	} else {
		p.dst4 = ctx->local_ip4;
	}
	return p;
}

static __always_inline int flow_has(struct bpf_sk_lookup *ctx, __u8 family)
{
	struct packet p = packet_to(ctx, family);

	if (family == FAMILY_IPV6) {
		p.src6[0] = two_words(ctx->remote_ip6[0], ctx->remote_ip6[1]);
		p.src6[1] = two_words(ctx->remote_ip6[2], ctx->remote_ip6[3]);
	} else {
		p.src4 = ctx->remote_ip4;
	}
	p.src_port = bpf_ntohs(ctx->remote_port);
	return !!flow_find(&p);
}

/* Steps 2 to 5. The kernel has found the packet to be this host's. */
static __always_inline __u32 find_passing(struct bpf_sk_lookup *ctx, __u8 family)
{
	const struct packet p = packet_to(ctx, family);
	struct outcome o = {.local = 1};

	return match_listeners(&p, ctx->ingress_ifindex, &o) && o.target == TARGET_PASS ? o.listener
											: 0;
}

/* Global functions: few packets need them, and the verifier shall look at each once. */
__noinline int flow_has_ipv4(struct bpf_sk_lookup *ctx)
{
	return flow_has(ctx, FAMILY_IPV4);
}

__noinline int flow_has_ipv6(struct bpf_sk_lookup *ctx)
{
	return flow_has(ctx, FAMILY_IPV6);
}

__noinline __u32 find_passing_ipv4(struct bpf_sk_lookup *ctx)
{
	return find_passing(ctx, FAMILY_IPV4);
}

__noinline __u32 find_passing_ipv6(struct bpf_sk_lookup *ctx)
{
	return find_passing(ctx, FAMILY_IPV6);
}

/* The listener that has the packet and passes it to the stack; 0: none. Where the port's slot, or
 * its being empty, does not answer by itself, the addresses are looked at. */
static __always_inline __u32 listener_of(struct bpf_sk_lookup *ctx, __u8 family)
{
	const struct packet p = packet_to_port(ctx, family);
	const struct port_slot *slot = slot_find(&p, p.dst_port), *all_ports;
	struct outcome o = {};

	if (!slot || !p.dst_port)
		return 0;
	if (slot->flows && (family == FAMILY_IPV6 ? flow_has_ipv6(ctx) : flow_has_ipv4(ctx)))
		return 0;
	if (!slot_asks_more(&p, slot) && match_slot(&p, slot, &o))
		return o.target == TARGET_PASS ? o.listener : 0;
	all_ports = slot_find(&p, 0);
	if (!slot_asks_more(&p, slot) && (!all_ports || slot_is_empty(&p, all_ports)))
		return 0;
	return family == FAMILY_IPV6 ? find_passing_ipv6(ctx) : find_passing_ipv4(ctx);
}

/* Exactly the socket that was registered, not another of its reuseport group: else a server could
 * not hand over to its successor. The kernel refuses one of another protocol or family. */
static __always_inline int assign(struct bpf_sk_lookup *ctx, __u32 number)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&sockets, &number);
	long refused;

	if (!sk)
		return 0;
	refused = bpf_sk_assign(ctx, sk, BPF_SK_LOOKUP_F_NO_REUSEPORT);
	bpf_sk_release(sk);
	return !refused;
}

/* A target of another kind is none of ours. SK_DROP is a reject: the kernel answers as for a closed
 * port. */
static __always_inline int fall_back_from(__u32 number)
{
	const struct target *t = bpf_map_lookup_elem(&targets, &number);
	struct target_count *count = bpf_map_lookup_elem(&target_counts, &number);

	if (!t || t->kind != TARGET_SOCKET)
		return SK_PASS;
	if (count)
		count->fallback_packets++;
	return t->fallback == TARGET_REJECT ? SK_DROP : SK_PASS;
}

static __always_inline int deliver(struct bpf_sk_lookup *ctx, __u32 listener)
{
	const struct listener_target *of_listener =
		bpf_map_lookup_elem(&listener_targets, &listener);
	struct target_count *count;
	__u32 number;

	if (!of_listener || !of_listener->target)
		return SK_PASS;
	number = of_listener->target;
	if (!assign(ctx, number))
		return fall_back_from(number);
	count = bpf_map_lookup_elem(&target_counts, &number);
	if (count)
		count->packets++;
	return SK_PASS;
}

static __always_inline int socket_lookup(struct bpf_sk_lookup *ctx)
{
	__u32 listener;

	if (rules_in_force().mode != MODE_ENFORCE || ctx->sk)
		return SK_PASS;
	listener = ctx->family == AF_INET6 ? listener_of(ctx, FAMILY_IPV6)
					   : listener_of(ctx, FAMILY_IPV4);
	return listener ? deliver(ctx, listener) : SK_PASS;
}

#endif
