/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ports of TCP and UDP. Lengths are checked against the IP packet's own end, not the frame's: short
 * frames are padded.
 */
#ifndef XDEMUX_PARSE_L4_H
#define XDEMUX_PARSE_L4_H

#include <linux/in.h>
#include <bpf/bpf_endian.h>

#include "frame.h"
#include "packet.h"

#define TCP_HEADER_MIN 20
#define UDP_HEADER_LEN 8

/* Both start with the ports; UDP has its length at byte 4, TCP its header length in 32-bit words at
 * byte 12, its flags at byte 13. */
#define L4_FACTS_LEN 14

/* TCP is 6 and UDP is 17: their lowest bit tells them apart. In one test, for mixed traffic has the
 * branch between two mispredicted. */
static __always_inline int has_ports(__u32 protocol)
{
	return protocol == IPPROTO_TCP + (protocol & 1) * (IPPROTO_UDP - IPPROTO_TCP);
}

static __always_inline __u8 proto_of(__u32 protocol)
{
	return protocol & 1 ? PROTO_UDP : PROTO_TCP;
}

/*
 * The kernel drops a cut header when it delivers the packet; but it first puts fragments together,
 * and pulls a header out of a multi-buffer frame's fragments.
 */
static __always_inline enum reason malformed_l4(struct packet *p, const struct frame *f,
						enum reason reason)
{
	p->kernel_drops_local = p->fragment == FRAGMENT_NONE && p->frame_len == frame_linear_len(f);
	return reason;
}

/*
 * One path for both protocols, since a branch between them is mispredicted on mixed traffic: the
 * bytes that tell TCP's header length are there too in every UDP frame of Ethernet's minimum size.
 */
static __always_inline enum reason parse_ports(struct packet *p, const struct frame *f)
{
	__u32 udp = p->protocol & 1, least, need;
	const __u8 *l4 = frame_at(f, p->l4_offset, L4_FACTS_LEN);

	least = TCP_HEADER_MIN - udp * (TCP_HEADER_MIN - UDP_HEADER_LEN);
	if (l4) {
		__u32 udp_len = bpf_ntohs(((const __be16 *)l4)[2]), tcp_len = l4[12] >> 4 << 2;

		need = tcp_len + (udp_len - tcp_len) * udp;
	} else {
		l4 = frame_at(f, p->l4_offset, UDP_HEADER_LEN);
		if (!l4 || (!udp && p->fragment != FRAGMENT_FIRST))
			return malformed_l4(p, f, udp ? REASON_BAD_UDP : REASON_BAD_TCP);
		need = bpf_ntohs(((const __be16 *)l4)[2]) * udp;
	}
	if (need < least || p->l4_offset + need > p->l3_end) {
		/* RFC 2675: a UDP length of zero over IPv6 means to the packet's end; Linux takes
		 * it. */
		int has_header = p->l4_offset + UDP_HEADER_LEN <= p->l3_end;
		int to_the_end = udp && !need && p->family == FAMILY_IPV6 && has_header;
		/* A first fragment has the beginning of a datagram, of which the UDP length tells
		 * the whole; of a segment, eight bytes of the header at least. */
		int goes_on = p->fragment == FRAGMENT_FIRST && has_header &&
			      (!udp || need >= UDP_HEADER_LEN);

		if (!to_the_end && !goes_on)
			return malformed_l4(p, f, udp ? REASON_BAD_UDP : REASON_BAD_TCP);
	}
	p->dst_port = bpf_ntohs(((const __be16 *)l4)[1]);
	p->proto = udp;
	return REASON_UNDECIDED;
}

/* The rest of what the header says that parse_ports() took; a first fragment may end before the
 * flags. */
static __always_inline void parse_peer(struct packet *p, const struct frame *f)
{
	const __be16 *source = frame_at(f, p->l4_offset, sizeof(*source));
	const __u8 *flags = frame_at(f, p->l4_offset + 13, sizeof(*flags));

	p->src_port = source ? bpf_ntohs(*source) : 0;
	p->tcp_flags = flags && !p->proto ? *flags : 0;
	if (p->fragment && p->l4_offset + L4_FACTS_LEN > p->l3_end)
		p->tcp_flags = 0;
}

#endif
