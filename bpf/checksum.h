/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071), and the one that a sender left to its device. On a veth it
 * arrives as it was left: the field of TCP or UDP has the sum of the pseudo header alone, and the
 * kernel's packet says so beside it (CHECKSUM_PARTIAL, include/linux/skbuff.h). An XDP frame has no
 * room for that note. So before a packet is handed over its checksum is made whole, or whoever gets
 * it drops it.
 */
#ifndef XDEMUX_CHECKSUM_H
#define XDEMUX_CHECKSUM_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "frame.h"
#include "packet.h"

/* A jumbo frame is summed, block by block. */
#define SUM_BLOCK 256
#define SUM_MAX	  (40 * SUM_BLOCK)

/* Where the field is in its header. */
#define TCP_CHECK_OFFSET 16
#define UDP_CHECK_OFFSET 6

static __always_inline __u64 sum_words(const void *at, __u32 words)
{
	const __u32 *w = at;
	__u64 sum = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < words; i++)
		sum += w[i];
	return sum;
}

/* Of 32-bit words in either byte order. */
static __always_inline __sum16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Of the frame's bytes from `offset` to `end`, SUM_MAX at most, or to where its linear part ends. A
 * global function: it has loops for the verifier to walk. */
__noinline __u64 sum_frame(struct xdp_md *ctx, __u32 offset, __u32 end)
{
	struct frame f = frame_of(ctx);
	__u64 sum = 0;
	__u32 i;

	for (i = 0; i < SUM_MAX / SUM_BLOCK; i++) {
		void *block = frame_at(&f, offset, SUM_BLOCK);

		if (!block || offset + SUM_BLOCK > end)
			break;
		sum += (__u32)bpf_csum_diff(NULL, 0, block, SUM_BLOCK, 0);
		offset += SUM_BLOCK;
	}
	for (i = 0; i < SUM_BLOCK / sizeof(__u32); i++) {
		const __u32 *word = frame_at(&f, offset, sizeof(*word));

		if (!word || offset + sizeof(*word) > end)
			break;
		sum += *word;
		offset += sizeof(*word);
	}
	/* At most three bytes are left; as the first bytes of a word whose others are zero. */
#pragma unroll
	for (i = 0; i < 3; i++) {
		const __u8 *byte = frame_at(&f, offset + i, 1);

		if (!byte || offset + i >= end)
			break;
		sum += (__u64)bpf_htonl((__u32)*byte << (24 - 8 * i));
	}
	return sum;
}

/* What finish_checksum() wants to know of a packet, in a word for global functions. A fragment has
 * none of its own to be finished: whoever cuts a packet up makes its checksum first. */
static __always_inline __u32 headers_of(const struct packet *p)
{
	if (p->fragment)
		return 0;
	return p->l4_offset << 16 | p->l3_offset << 8 | p->protocol;
}

/* Where the checksum is from the beginning of its header; 0 where it is none of TCP or UDP. */
static __always_inline __u32 check_offset(__u8 protocol)
{
	if (protocol == IPPROTO_TCP)
		return TCP_CHECK_OFFSET;
	return protocol == IPPROTO_UDP ? UDP_CHECK_OFFSET : 0;
}

/* Sum of the addresses; sets where the IP packet ends. */
static __always_inline __u64 sum_addresses(const struct frame *f, __u32 l3_offset, __u32 *end)
{
	const struct ipv6hdr *ipv6;
	const struct iphdr *ipv4 = frame_at(f, l3_offset, sizeof(*ipv4));

	*end = 0;
	if (!ipv4)
		return 0;
	if (ipv4->version == 4) {
		*end = l3_offset + bpf_ntohs(ipv4->tot_len);
		return sum_words(&ipv4->saddr, 2);
	}
	ipv6 = frame_at(f, l3_offset, sizeof(*ipv6));
	if (!ipv6)
		return 0;
	*end = l3_offset + sizeof(*ipv6) + bpf_ntohs(ipv6->payload_len);
	return sum_words(&ipv6->saddr, 8);
}

/*
 * Makes whole the checksum that the sender of the packet with these headers_of() left to its
 * device, if it did (skb_checksum_help()). One whole checksum of 65,536 looks like such a one, and
 * comes out as it is. 0: it did, and the packet lies in several buffers or is longer than SUM_MAX.
 * Where `dry`, nothing is written.
 */
__noinline int finish_checksum(struct xdp_md *ctx, __u32 headers, __u32 dry)
{
	__u32 l4_offset = headers >> 16, l3_offset = headers >> 8 & 0xff, end;
	__u8 protocol = headers;
	struct frame f = frame_of(ctx);
	__u64 pseudo, sum;
	__sum16 *check;

	if (!check_offset(protocol))
		return 1;
	check = frame_at(&f, l4_offset + check_offset(protocol), sizeof(*check));
	pseudo = sum_addresses(&f, l3_offset, &end);
	pseudo += bpf_htonl(protocol) + (__u64)bpf_htonl(end - l4_offset);
	if (!check || *check != (__sum16)~fold(pseudo))
		return 1;
	if (end > frame_linear_len(&f) || end - l4_offset > SUM_MAX)
		return 0;
	if (dry)
		return 1;
	sum = sum_frame(ctx, l4_offset, end);
	f = frame_of(ctx);
	check = frame_at(&f, l4_offset + check_offset(protocol), sizeof(*check));
	if (check)
		*check = fold(sum) ? fold(sum) : (__sum16)~0;
	return 1;
}

#endif
