/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one packet's way through the stages carries: the facts that the parser found, and the outcome that the later
 * stages build. Neither holds a pointer into the frame: a stage that reads the frame checks it again.
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

struct packet {
	__be32 src[4]; /* IPv4: the first word alone is set */
	__be32 dst[4];
	__u32 frame_len; /* bytes, fragments of a multi-buffer frame included */
	__u32 l3_offset;
	__u32 l4_offset;
	__u32 l3_end;    /* where the IP packet ends; Ethernet padding may follow */
	__be32 fragment_id;
	__u16 src_port; /* host order */
	__u16 dst_port;
	__u8 proto;         /* enum proto, once the reason is still undecided after parsing */
	__u8 protocol;      /* IANA number of what follows the IP headers */
	__u8 family;        /* enum family */
	__u8 fragment;      /* enum fragment_kind */
	__u8 tcp_flags;     /* byte 13 of the TCP header (RFC 9293, 3.1); 0 of UDP */
	__u8 traced;        /* 1: explain asked: leave every counter, limiter and table alone */
	__u8 group_frame;   /* 1: the Ethernet destination is multicast or broadcast */
	__u8 quotes_ports;  /* 1: an ICMP error, and the ports and addresses are those that it quotes, turned round */
	__u8 kernel_drops;  /* 1: malformed so that the kernel drops it, whoever it is for */
	__u8 kernel_drops_local; /* 1: ... once it is for this host */
};

struct outcome {
	enum reason reason;
	enum verdict verdict; /* what enforce mode does */
	enum verdict action;  /* what is done */
	__u32 listener;
	__u32 target;  /* enum target_kind */
	__u32 local;   /* 1: the destination is this host's, by the table of local routes */
	__u32 named;   /* 1: a flow, or a listener on an address or prefix, matched */
	__u32 counted; /* 1: a packet to a port of this host, for the port counters */
	__u32 prefix_len;
	__u32 asked; /* enum stage, for explain */
	__u32 answered;
};

static __always_inline __u32 port_index(const struct packet *p, __u16 port)
{
	return (__u32)p->proto << 16 | port;
}

/* An address as the tables' keys have it; `to` is zero before. */
static __always_inline void copy_addr(__u8 to[ADDR_SIZE], const __be32 from[4], __u8 family)
{
	if (family == FAMILY_IPV6)
		__builtin_memcpy(to, from, ADDR_SIZE);
	else
		__builtin_memcpy(to, from, sizeof(__be32));
}

#endif
