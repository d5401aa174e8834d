/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv4 with options (RFC 791) and IPv6 with its extension headers (RFC 8200): addresses, the
 * protocol behind them and where it begins. Each answers REASON_UNDECIDED when what follows can be
 * looked at.
 */
#ifndef XDEMUX_PARSE_IP_H
#define XDEMUX_PARSE_IP_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "frame.h"
#include "packet.h"

/* Bound of the walk: the kernel has none, so it is what the largest frame holds. */
#define EXTENSIONS_MAX (FRAME_OFFSET_MAX / 8)

/* RFC 791, 3.1: IPv4 options, 40 bytes of them at most. */
#define IPV4_OPTIONS_LEN    40
#define IPV4_OPTION_END	    0
#define IPV4_OPTION_NOP	    1
#define IPV4_OPTION_LSRR    131
#define IPV4_OPTION_SSRR    137

#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK    0x1fff
#define IPV6_OFFSET_MASK    0xfff8
#define IPV6_MORE_FRAGMENTS 1

/*
 * A linear part of this length may be followed by fragments of a multi-buffer frame even where the
 * IP packet ends inside it (a long padding); a shorter one only where the IP packet does not end
 * inside, since drivers split off either all behind the headers or what a buffer does not hold.
 */
#define LINEAR_LEN_SURE 1024

/* Sets frame_len; false when the IP packet, which ends at l3_end, is longer than what arrived. */
static __always_inline int measure(struct xdp_md *ctx, const struct frame *f, struct packet *p)
{
	p->frame_len = frame_linear_len(f);
	if (__builtin_expect(p->l3_end <= p->frame_len && p->frame_len < LINEAR_LEN_SURE, 1))
		return 1;
	p->frame_len = bpf_xdp_get_buff_len(ctx);
	return p->l3_end <= p->frame_len;
}

/* ip_rcv_core() and ip6_rcv_core() drop such a packet, whoever it is for, but first pull a header
 * out of fragments. */
static __always_inline enum reason bad_ip(struct xdp_md *ctx, struct packet *p, enum reason reason)
{
	struct frame f = frame_of(ctx);

	p->frame_len = bpf_xdp_get_buff_len(ctx);
	p->kernel_drops = p->frame_len == frame_linear_len(&f);
	return reason;
}

static __always_inline void take_addresses_ipv4(struct packet *p, const struct iphdr *ip)
{
	p->src4 = ip->saddr;
	p->dst4 = ip->daddr;
}

static __always_inline void take_addresses_ipv6(struct packet *p, const struct ipv6hdr *ip)
{
	copy_halves(p->src6, &ip->saddr);
	copy_halves(p->dst6, &ip->daddr);
}

/* Without options, of a whole packet: what follows begins where it does in nearly every packet. */
static __always_inline int is_plain_ipv4(const struct iphdr *ip)
{
	return *(const __u8 *)ip == 0x45 &&
	       !(ip->frag_off & bpf_htons(IPV4_OFFSET_MASK | IPV4_MORE_FRAGMENTS));
}

/* What a length field of zero stands for in a segment that is put together from several and longer
 * than the field can tell (BIG TCP, iph_totlen()): what arrived. Otherwise 0. */
static __always_inline __u32 big_len(struct xdp_md *ctx, const struct packet *p)
{
	__u32 len = bpf_xdp_get_buff_len(ctx) - p->l3_offset;

	return len > 0xffff ? len : 0;
}

struct option_walk {
	struct xdp_md *ctx;
	__u32 offset;
	__u32 end; /* of the IPv4 header */
	__u64 routes_on;
};

/* One option on; 1 ends the walk. */
static long step_option(__u32 index, struct option_walk *w)
{
	struct frame f = frame_of(w->ctx);
	const __u8 *type = frame_at(&f, w->offset, 1), *option;

	(void)index;
	if (!type || w->offset >= w->end || *type == IPV4_OPTION_END)
		return 1;
	if (*type == IPV4_OPTION_NOP) {
		w->offset++;
		return 0;
	}
	option = frame_at(&f, w->offset, 3);
	if (!option || option[1] < 2)
		return 1;
	if (*type == IPV4_OPTION_LSRR || *type == IPV4_OPTION_SSRR) {
		w->routes_on = option[2] <= option[1];
		return 1;
	}
	w->offset += option[1];
	return 0;
}

/*
 * A source route with addresses left: the packet's destination is not its last one. It is treated
 * as IPv6's, as a protocol of its own. A global function, so that the verifier looks at it once.
 */
__noinline int has_source_route(struct xdp_md *ctx, __u32 l3_offset, __u32 end)
{
	struct option_walk w = {
		.ctx = ctx,
		.offset = l3_offset + sizeof(struct iphdr),
		.end = end,
	};

	bpf_loop(IPV4_OPTIONS_LEN, step_option, &w, 0);
	return w.routes_on;
}

static __always_inline enum reason parse_ipv4(struct xdp_md *ctx, const struct frame *f,
					      struct packet *p)
{
	const struct iphdr *ip = frame_at(f, p->l3_offset, sizeof(*ip));
	__u32 header_len, total_len, offset;

	if (!ip)
		return bad_ip(ctx, p, REASON_BAD_IPV4);
	header_len = (*(const __u8 *)ip & 0x0f) << 2;
	total_len = bpf_ntohs(ip->tot_len);
	if (!total_len)
		total_len = big_len(ctx, p);
	if (*(const __u8 *)ip >> 4 != 4 || header_len < sizeof(*ip) || total_len < header_len)
		return bad_ip(ctx, p, REASON_BAD_IPV4);
	p->l3_end = p->l3_offset + total_len;
	if (!measure(ctx, f, p))
		return bad_ip(ctx, p, REASON_BAD_IPV4);
	take_addresses_ipv4(p, ip);
	p->protocol = ip->protocol;
	p->l4_offset = p->l3_offset + header_len;
	if (header_len > sizeof(*ip) && has_source_route(ctx, p->l3_offset, p->l4_offset))
		p->protocol = IPPROTO_ROUTING;
	offset = bpf_ntohs(ip->frag_off);
	if (offset & (IPV4_OFFSET_MASK | IPV4_MORE_FRAGMENTS)) {
		p->fragment_id = ip->id;
		p->fragment = offset & IPV4_OFFSET_MASK ? FRAGMENT_LATER : FRAGMENT_FIRST;
	}
	return REASON_UNDECIDED;
}

/* Bytes of an extension header by its Hdr Ext Len. */
static __always_inline __u32 extension_len(__u8 type, __u8 len)
{
	if (type == IPPROTO_FRAGMENT)
		return 8;
	return type == IPPROTO_AH ? (__u32)(len + 2) << 2 : (__u32)(len + 1) << 3;
}

static __always_inline int is_extension(__u8 type)
{
	return type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_DSTOPTS ||
	       type == IPPROTO_FRAGMENT || type == IPPROTO_AH;
}

/* Where a walk over extension headers is: `type` begins at `offset`. */
struct extension_walk {
	__u32 offset;
	__u32 end; /* of the IP packet */
	__be32 fragment_id;
	__u8 type;
	__u8 fragment; /* enum fragment_kind */
	__u8 steps;    /* 1: one header or more is behind us */
	__u8 bad;
};

struct extension_step {
	struct xdp_md *ctx;
	struct extension_walk *walk;
};

/* One header on; false when it is malformed, or stands where none may. */
static __always_inline int step_over(const struct frame *f, struct extension_walk *w)
{
	const __u8 *ext = frame_at(f, w->offset, 8);

	/* RFC 8200, 4.1: hop-by-hop options come first or not at all; there is one fragment header.
	 */
	if (!ext || (w->type == IPPROTO_HOPOPTS && w->steps > 0) ||
	    (w->type == IPPROTO_FRAGMENT && w->fragment))
		return 0;
	if (w->type == IPPROTO_FRAGMENT) {
		__u32 offset = bpf_ntohs(*(const __be16 *)(ext + 2));

		w->fragment_id = *(const __be32 *)(ext + 4);
		if (offset & IPV6_OFFSET_MASK)
			w->fragment = FRAGMENT_LATER;
		else if (offset & IPV6_MORE_FRAGMENTS)
			w->fragment = FRAGMENT_FIRST;
	}
	w->offset += extension_len(w->type, ext[1]);
	w->type = ext[0];
	w->steps = 1;
	return w->offset <= w->end;
}

/* A routing header with segments left: the packet's destination is not its last one. */
static __always_inline int routes_on(const struct frame *f, const struct extension_walk *w)
{
	const __u8 *routing = frame_at(f, w->offset, 4);

	return w->type == IPPROTO_ROUTING && routing && routing[3];
}

/*
 * Walks to what is no extension header, or to what ends the walk: a later fragment, whose rest is
 * not a header, and a routing header that sends the packet on, which is then the packet's protocol.
 */
static long step(__u32 index, struct extension_step *s)
{
	struct extension_walk *w = s->walk;
	struct frame f = frame_of(s->ctx);

	(void)index;
	if (!is_extension(w->type) || w->fragment == FRAGMENT_LATER || routes_on(&f, w))
		return 1;
	w->bad = !step_over(&f, w);
	return w->bad;
}

/* A global function, so that the verifier looks at it once. Returns enum reason. */
__noinline int walk_extensions(struct xdp_md *ctx, struct extension_walk *w)
{
	struct extension_step s = {
		.ctx = ctx,
		.walk = w,
	};

	if (!w)
		return REASON_BAD_EXTENSION;
	bpf_loop(EXTENSIONS_MAX, step, &s, 0);
	return w->bad ? REASON_BAD_EXTENSION : REASON_UNDECIDED;
}

static __always_inline enum reason skip_extensions(struct xdp_md *ctx, struct packet *p)
{
	struct extension_walk w = {
		.offset = p->l4_offset,
		.end = p->l3_end,
		.type = p->protocol,
	};
	enum reason reason;

	if (!is_extension(p->protocol))
		return REASON_UNDECIDED;
	reason = walk_extensions(ctx, &w);
	p->l4_offset = w.offset;
	p->protocol = w.type;
	p->fragment = w.fragment;
	p->fragment_id = w.fragment_id;
	return reason;
}

/* Of a payload length of zero: a jumbogram (RFC 2675), for which ip6_rcv_core() takes whatever has
 * hop-by-hop options, a segment of BIG TCP, or a packet of headers alone. */
static __always_inline __u32 unstated_end(struct xdp_md *ctx, const struct packet *p,
					  const struct ipv6hdr *ip)
{
	__u32 big = big_len(ctx, p);

	if (ip->nexthdr == IPPROTO_HOPOPTS)
		return bpf_xdp_get_buff_len(ctx);
	return p->l3_offset + (big ? big : sizeof(*ip));
}

/* Up to the extension headers. */
static __always_inline enum reason parse_ipv6(struct xdp_md *ctx, const struct frame *f,
					      struct packet *p)
{
	const struct ipv6hdr *ip = frame_at(f, p->l3_offset, sizeof(*ip));

	if (!ip || *(const __u8 *)ip >> 4 != 6)
		return bad_ip(ctx, p, REASON_BAD_IPV6);
	p->l3_end = p->l3_offset + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (!ip->payload_len)
		p->l3_end = unstated_end(ctx, p, ip);
	if (!measure(ctx, f, p))
		return bad_ip(ctx, p, REASON_BAD_IPV6);
	take_addresses_ipv6(p, ip);
	p->l4_offset = p->l3_offset + sizeof(*ip);
	p->protocol = ip->nexthdr;
	return REASON_UNDECIDED;
}

#endif
