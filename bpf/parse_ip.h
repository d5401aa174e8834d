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

/* Bound of the walk: more extension headers than any host sends (RFC 8504, 5.3 allows a limit of
 * 8). */
#define EXTENSIONS_MAX	    8

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

/* In two loads: the target may read unaligned words, or the verifier would have refused the
 * four-byte ones too. */
static __always_inline void copy_halves(__u64 to[2], const void *addr)
{
	const __u64 *from = addr;

	to[0] = from[0];
	to[1] = from[1];
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

static __always_inline enum reason parse_ipv4(struct xdp_md *ctx, const struct frame *f,
					      struct packet *p)
{
	const struct iphdr *ip = frame_at(f, p->l3_offset, sizeof(*ip));
	__u32 header_len, total_len, offset;

	if (!ip)
		return bad_ip(ctx, p, REASON_BAD_IPV4);
	header_len = (*(const __u8 *)ip & 0x0f) << 2;
	total_len = bpf_ntohs(ip->tot_len);
	if (*(const __u8 *)ip >> 4 != 4 || header_len < sizeof(*ip) || total_len < header_len)
		return bad_ip(ctx, p, REASON_BAD_IPV4);
	p->l3_end = p->l3_offset + total_len;
	if (!measure(ctx, f, p))
		return bad_ip(ctx, p, REASON_BAD_IPV4);
	take_addresses_ipv4(p, ip);
	p->protocol = ip->protocol;
	p->l4_offset = p->l3_offset + header_len;
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
	__u8 steps;
	__u8 zero;
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
	w->steps++;
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
 * A global function, so that the verifier looks at its loop once. Returns enum reason.
 */
__noinline int walk_extensions(struct xdp_md *ctx, struct extension_walk *w)
{
	struct frame f = frame_of(ctx);
	int i;

	if (!w)
		return REASON_BAD_EXTENSION;
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (!is_extension(w->type) || routes_on(&f, w))
			return REASON_UNDECIDED;
		if (!step_over(&f, w))
			return REASON_BAD_EXTENSION;
		if (w->fragment == FRAGMENT_LATER)
			return REASON_UNDECIDED;
	}
	return is_extension(w->type) ? REASON_BAD_EXTENSION : REASON_UNDECIDED;
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

/* Up to the extension headers. */
static __always_inline enum reason parse_ipv6(struct xdp_md *ctx, const struct frame *f,
					      struct packet *p)
{
	const struct ipv6hdr *ip = frame_at(f, p->l3_offset, sizeof(*ip));

	if (!ip || *(const __u8 *)ip >> 4 != 6)
		return bad_ip(ctx, p, REASON_BAD_IPV6);
	p->l3_end = p->l3_offset + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (!measure(ctx, f, p))
		return bad_ip(ctx, p, REASON_BAD_IPV6);
	/* A jumbogram (RFC 2675): its length is elsewhere, Linux may deliver it. */
	if (!ip->payload_len && ip->nexthdr == IPPROTO_HOPOPTS)
		return REASON_BAD_IPV6;
	take_addresses_ipv6(p, ip);
	p->l4_offset = p->l3_offset + sizeof(*ip);
	p->protocol = ip->nexthdr;
	return REASON_UNDECIDED;
}

#endif
