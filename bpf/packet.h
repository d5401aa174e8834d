/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one packet's way through the stages carries: the facts that the parser found, and the
 * outcome that the later stages build. Neither holds a pointer into the frame: a stage that reads
 * the frame checks it again.
 */
#ifndef XDEMUX_PACKET_H
#define XDEMUX_PACKET_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdemux/contract.h>

/* Of the IP header's Fragment Offset and More Fragments. */
enum fragment_kind {
	FRAGMENT_NONE = 0,
	FRAGMENT_FIRST = 1,
	FRAGMENT_LATER = 2,
};

/* Addresses are as on the wire; the two of the other family are not set. */
struct packet {
	__u64 src6[2];
	__u64 dst6[2];
	__be32 src4;
	__be32 dst4;
	__u64 frame_len; /* bytes, fragments of a multi-buffer frame included */
	__u32 l3_offset;
	__u32 l4_offset;
	__u32 l3_end; /* where the IP packet ends; Ethernet padding may follow */
	__be32 fragment_id;
	__u16 src_port; /* host order */
	__u16 dst_port;
	__u8 proto;	   /* enum proto, once parsed without a reason */
	__u8 protocol;	   /* IANA number of what follows the IP headers */
	__u8 family;	   /* enum family */
	__u8 fragment;	   /* enum fragment_kind */
	__u8 tcp_flags;	   /* byte 13 of the TCP header (RFC 9293, 3.1); 0 of UDP */
	__u8 traced;	   /* 1: explain asked: leave every counter, limiter and table alone */
	__u8 group_frame;  /* 1: the Ethernet destination is multicast or broadcast */
	__u8 quotes_ports; /* 1: an ICMP error, and the ports and addresses are those that it
			      quotes, turned round */
	__u8 kernel_drops; /* 1: malformed so that the kernel drops it, whoever it is for */
	__u8 kernel_drops_local; /* 1: ... once it is for this host */
	__u8 zero[2];
};

/* What the later stages make of it. */
struct outcome {
	enum reason reason;
	enum verdict verdict; /* what enforce mode does */
	enum verdict action;  /* what is done */
	__u32 listener;
	__u32 steer; /* of TARGET_STEER: the target's number, of a group its member's */
	__u32 hash;  /* of the 4-tuple, where it is steered by it */
	__u32 asked; /* enum stage, for explain */
	__u32 answered;
	__u8 target;  /* enum target_kind, TARGET_STEER at most */
	__u8 local;   /* 1: the destination is this host's, by the table of local routes */
	__u8 named;   /* 1: a flow, or a listener on an address or prefix, matched */
	__u8 counted; /* 1: a packet to a port of this host, for the port counters */
	__u8 guarded; /* 1: the listener has a guard */
	__u8 prefix_len;
	__u8 sticky; /* 1: a sticky group chose where it goes */
	__u8 zero;
};

static __always_inline __u32 port_index(const struct packet *p, __u16 port)
{
	return (__u32)p->proto << 16 | port;
}

/* Addresses as the tables' keys have them; the rest of `to` is zero before. */
static __always_inline void copy_src(__u8 to[ADDR_SIZE], const struct packet *p)
{
	if (p->family == FAMILY_IPV6)
		__builtin_memcpy(to, p->src6, sizeof(p->src6));
	else
		__builtin_memcpy(to, &p->src4, sizeof(p->src4));
}

static __always_inline void copy_dst(__u8 to[ADDR_SIZE], const struct packet *p)
{
	if (p->family == FAMILY_IPV6)
		__builtin_memcpy(to, p->dst6, sizeof(p->dst6));
	else
		__builtin_memcpy(to, &p->dst4, sizeof(p->dst4));
}

/* In two loads: the target may read unaligned words, or the verifier would have refused the
 * four-byte ones too. */
static __always_inline void copy_halves(__u64 to[2], const void *addr)
{
	const __u64 *from = addr;

	to[0] = from[0];
	to[1] = from[1];
}

#endif
