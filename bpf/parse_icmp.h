/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP and ICMPv6 errors (RFC 792, RFC 4443) by the packet that they quote: that one was sent from
 * here, so its source is the local endpoint and its destination the remote one. With
 * REASON_ICMP_ERROR the facts are the quoted endpoint's where `quotes_ports` is set.
 */
#ifndef XDEMUX_PARSE_ICMP_H
#define XDEMUX_PARSE_ICMP_H

#include "parse_ip.h"
#include "parse_l4.h"
#include "protocol.h"

#define ICMP_HEADER_LEN 8

static __always_inline int is_icmp_error(__u8 family, __u8 type)
{
	if (family == FAMILY_IPV6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* The quoted header at l4_offset: addresses turned round, l4_offset at what follows; false when it
 * is cut. */
static __always_inline int parse_quoted_ipv4(const struct frame *f, struct packet *p)
{
	const struct iphdr *ip = frame_at(f, p->l4_offset, sizeof(*ip));
	__u32 header_len;

	if (!ip || p->l4_offset + sizeof(*ip) > p->l3_end)
		return 0;
	header_len = (*(const __u8 *)ip & 0x0f) << 2;
	if (*(const __u8 *)ip >> 4 != 4 || header_len < sizeof(*ip) ||
	    p->l4_offset + header_len > p->l3_end)
		return 0;
	p->dst4 = ip->saddr;
	p->src4 = ip->daddr;
	p->protocol = ip->protocol;
	p->fragment = ip->frag_off & bpf_htons(IPV4_OFFSET_MASK) ? FRAGMENT_LATER : FRAGMENT_NONE;
	p->l4_offset += header_len;
	return 1;
}

static __always_inline int parse_quoted_ipv6(struct xdp_md *ctx, const struct frame *f,
					     struct packet *p)
{
	const struct ipv6hdr *ip = frame_at(f, p->l4_offset, sizeof(*ip));

	if (!ip || p->l4_offset + sizeof(*ip) > p->l3_end || *(const __u8 *)ip >> 4 != 6)
		return 0;
	copy_halves(p->dst6, &ip->saddr);
	copy_halves(p->src6, &ip->daddr);
	p->fragment = FRAGMENT_NONE;
	p->l4_offset += sizeof(*ip);
	p->protocol = ip->nexthdr;
	if (skip_extensions(ctx, p) != REASON_UNDECIDED)
		return 0;
	if (p->fragment == FRAGMENT_FIRST)
		p->fragment = FRAGMENT_NONE;
	return 1;
}

static __always_inline enum reason parse_icmp(struct xdp_md *ctx, struct packet *p)
{
	struct frame f = frame_of(ctx);
	const __u8 *icmp = frame_at(&f, p->l4_offset, ICMP_HEADER_LEN);
	const __be16 *ports;
	int whole;

	if (!icmp || p->l4_offset + ICMP_HEADER_LEN > p->l3_end)
		return malformed_l4(p, &f, REASON_BAD_ICMP);
	if (p->fragment || !is_icmp_error(p->family, icmp[0]))
		return REASON_ICMP_OTHER;
	p->l4_offset += ICMP_HEADER_LEN;
	whole = p->family == FAMILY_IPV6 ? parse_quoted_ipv6(ctx, &f, p) : parse_quoted_ipv4(&f, p);
	if (whole && (!has_ports(p->protocol) || p->fragment))
		return REASON_ICMP_ERROR;
	f = frame_of(ctx);
	/* Both protocols have their ports in the eight bytes that every error quotes. */
	ports = frame_at(&f, p->l4_offset, 8);
	if (!whole || !ports || p->l4_offset + 8 > p->l3_end)
		return REASON_BAD_ICMP;
	p->dst_port = bpf_ntohs(ports[0]);
	p->src_port = bpf_ntohs(ports[1]);
	p->proto = proto_of(p->protocol);
	p->quotes_ports = 1;
	return REASON_ICMP_ERROR;
}

#endif
