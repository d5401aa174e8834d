/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers to what is rejected, made from the frame itself and sent back the way it came: a TCP
 * reset (RFC 9293, 3.10.7.1) or port unreachable (RFC 1122, 3.2.2.1 and RFC 4443, 3.1). Ethernet
 * addresses are swapped, VLAN tags stay.
 */
#ifndef XDEMUX_REJECT_H
#define XDEMUX_REJECT_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "checksum.h"
#include "deadline.h"
#include "frame.h"
#include "maps.h"
#include "packet.h"
#include "protocol.h"

#define REPLY_TTL 64

/* Quoted bytes at most: the whole error stays within what every host takes (RFC 1812, 4.3.2.3; RFC
 * 4443, 2.4). */
#define QUOTE_MAX_IPV4 (576 - 20 - 8)
#define QUOTE_MAX_IPV6 (1280 - 40 - 8)

/* The TCP header as the reset has it: no options. */
struct tcp_reset {
	__be16 src_port;
	__be16 dst_port;
	__be32 seq;
	__be32 ack;
	__u8 header_len; /* 32-bit words in the upper half */
	__u8 flags;
	__be16 window;
	__sum16 check;
	__be16 urgent;
};

struct icmp_unreachable {
	__u8 type;
	__u8 code;
	__sum16 check;
	__be32 unused;
};

/* One host's address, of this network: neither unspecified, nor multicast, broadcast or reserved.
 */
static __always_inline int is_unicast_ipv4(__be32 addr)
{
	__u32 first = bpf_ntohl(addr) >> 24;

	return first != 0 && first < 224;
}

static __always_inline int is_unicast_ipv6(const __u64 addr[2])
{
	return *(const __u8 *)addr != 0xff && (addr[0] || addr[1]);
}

static __always_inline int is_loopback_ipv4(__be32 addr)
{
	return bpf_ntohl(addr) >> 24 == 127;
}

static __always_inline int is_loopback_ipv6(const __u64 addr[2])
{
	return !addr[0] && addr[1] == bpf_cpu_to_be64(1);
}

/*
 * RFC 1122, 3.2.2: an answer goes from one host to one host. Loopback addresses are answered where
 * both are: on the loopback device.
 */
static __always_inline int is_between_hosts(const struct packet *p)
{
	if (p->family == FAMILY_IPV6)
		return is_unicast_ipv6(p->src6) && is_unicast_ipv6(p->dst6) &&
		       is_loopback_ipv6(p->src6) == is_loopback_ipv6(p->dst6);
	return is_unicast_ipv4(p->src4) && is_unicast_ipv4(p->dst4) &&
	       is_loopback_ipv4(p->src4) == is_loopback_ipv4(p->dst4);
}

/* Never an answer to a reset, to a group, or to a piece of a segment. */
static __always_inline int may_be_answered(const struct packet *p)
{
	if (p->group_frame || !is_between_hosts(p))
		return 0;
	return p->proto == PROTO_UDP || !(p->tcp_flags & TCP_RST || p->fragment);
}

/* Token bucket per CPU, one second deep. */
static __always_inline int reject_allowed(void)
{
	__u64 now, credit, price;
	struct reject_limit *limit;
	__u32 zero = 0;

	limit = bpf_map_lookup_elem(&reject_limits, &zero);
	if (!limit || !settings.rejects_per_second)
		return 0;
	price = NSEC_PER_SEC / settings.rejects_per_second;
	now = bpf_ktime_get_coarse_ns();
	credit = limit->tokens_ns + (now - limit->last_ns);
	if (credit > NSEC_PER_SEC)
		credit = NSEC_PER_SEC;
	limit->last_ns = now;
	limit->tokens_ns = credit;
	if (credit < price)
		return 0;
	limit->tokens_ns = credit - price;
	return 1;
}

static __always_inline void swap_macs(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
}

static __always_inline int put_ipv4(const struct frame *f, const struct packet *p, __u8 protocol,
				    __u16 payload_len)
{
	struct iphdr *ip = frame_at(f, p->l3_offset, sizeof(*ip));

	if (!ip)
		return 0;
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = bpf_htons(sizeof(*ip) + payload_len);
	ip->frag_off =
		bpf_htons(0x4000); /* don't fragment: then an id of zero is right (RFC 6864) */
	ip->ttl = REPLY_TTL;
	ip->protocol = protocol;
	ip->saddr = p->dst4;
	ip->daddr = p->src4;
	ip->check = fold(sum_words(ip, sizeof(*ip) / 4));
	return 1;
}

static __always_inline int put_ipv6(const struct frame *f, const struct packet *p, __u8 protocol,
				    __u16 payload_len)
{
	struct ipv6hdr *ip = frame_at(f, p->l3_offset, sizeof(*ip));

	if (!ip)
		return 0;
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 6;
	ip->payload_len = bpf_htons(payload_len);
	ip->nexthdr = protocol;
	ip->hop_limit = REPLY_TTL;
	__builtin_memcpy(&ip->saddr, p->dst6, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, p->src6, sizeof(ip->daddr));
	return 1;
}

/* The Ethernet and IP headers of an answer, back to the packet's source, with `payload_len` bytes
 * behind them. */
static __always_inline int put_headers(const struct frame *f, const struct packet *p, __u8 protocol,
				       __u16 payload_len)
{
	struct ethhdr *eth = frame_at(f, 0, sizeof(*eth));

	if (!eth)
		return 0;
	swap_macs(eth);
	return p->family == FAMILY_IPV6 ? put_ipv6(f, p, protocol, payload_len)
					: put_ipv4(f, p, protocol, payload_len);
}

static __always_inline __u32 ip_header_len(const struct packet *p)
{
	return p->family == FAMILY_IPV6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

/* Pseudo header of TCP over IPv4, and of everything over IPv6 (RFC 9293, 3.1; RFC 8200, 8.1). */
static __always_inline __u64 sum_pseudo(const struct packet *p, __u8 protocol, __u32 len)
{
	__u64 sum = (__u64)bpf_htonl(protocol) + bpf_htonl(len);

	if (p->family == FAMILY_IPV6)
		return sum + sum_words(p->src6, 4) + sum_words(p->dst6, 4);
	return sum + p->src4 + p->dst4;
}

/* Sequence numbers by RFC 9293, 3.10.7.1, CLOSED state; false when the header is not where it was.
 */
static __always_inline int fill_reset(struct xdp_md *ctx, const struct packet *p,
				      struct tcp_reset *reset)
{
	struct frame f = frame_of(ctx);
	const struct tcp_reset *tcp = frame_at(&f, p->l4_offset, sizeof(*tcp));
	__u32 segment_len;

	if (!tcp)
		return 0;
	__builtin_memset(reset, 0, sizeof(*reset));
	reset->src_port = tcp->dst_port;
	reset->dst_port = tcp->src_port;
	reset->header_len = sizeof(*reset) / 4 << 4;
	if (tcp->flags & TCP_ACK) {
		reset->seq = tcp->ack;
		reset->flags = TCP_RST;
	} else {
		segment_len = p->l3_end - p->l4_offset - (tcp->header_len >> 4 << 2);
		segment_len += !!(tcp->flags & TCP_SYN) + !!(tcp->flags & TCP_FIN);
		reset->ack = bpf_htonl(bpf_ntohl(tcp->seq) + segment_len);
		reset->flags = TCP_RST | TCP_ACK;
	}
	reset->check = fold(sum_words(reset, sizeof(*reset) / 4) +
			    sum_pseudo(p, IPPROTO_TCP, sizeof(*reset)));
	return 1;
}

static __always_inline int send_reset(struct xdp_md *ctx, const struct packet *p)
{
	__u32 tcp_offset = p->l3_offset + ip_header_len(p);
	struct tcp_reset reset, *tcp;
	struct frame f;

	if (!fill_reset(ctx, p, &reset))
		return 0;
	if (bpf_xdp_adjust_tail(ctx, (int)(tcp_offset + sizeof(reset)) - (int)p->frame_len))
		return 0;
	f = frame_of(ctx);
	tcp = frame_at(&f, tcp_offset, sizeof(*tcp));
	if (!tcp)
		return 0;
	*tcp = reset;
	return put_headers(&f, p, IPPROTO_TCP, sizeof(*tcp));
}

/* Room for the error's headers in front of the packet that it quotes; Ethernet and VLAN tags move
 * to the new front. */
static __always_inline int make_room(struct xdp_md *ctx, const struct packet *p, __u32 room)
{
	struct frame f = frame_of(ctx);
	__u32 ip_len = p->l3_end - p->l3_offset, linear = frame_linear_len(&f) - p->l3_offset;
	__u32 most = p->family == FAMILY_IPV6 ? QUOTE_MAX_IPV6 : QUOTE_MAX_IPV4, quoted = ip_len, i;

	if (quoted > linear)
		quoted = linear;
	if (quoted > most)
		quoted = most;
	if (bpf_xdp_adjust_tail(ctx, (int)(p->l3_offset + quoted) - (int)p->frame_len))
		return 0;
	if (bpf_xdp_adjust_head(ctx, -(int)room))
		return 0;
	f = frame_of(ctx);
	for (i = 0; i < sizeof(struct ethhdr) + 8; i += 2) {
		__u16 *to = frame_at(&f, i, 2), *from = frame_at(&f, i + room, 2);

		if (!to || !from)
			return 0;
		if (i < p->l3_offset)
			*to = *from;
	}
	return quoted;
}

static __always_inline int send_unreachable(struct xdp_md *ctx, const struct packet *p)
{
	int ipv6 = p->family == FAMILY_IPV6;
	__u8 protocol = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	__u32 icmp_offset = p->l3_offset + ip_header_len(p), icmp_len;
	struct icmp_unreachable *icmp;
	struct frame f;
	int quoted;
	__u64 sum;

	quoted = make_room(ctx, p, ip_header_len(p) + sizeof(*icmp));
	if (!quoted)
		return 0;
	f = frame_of(ctx);
	icmp = frame_at(&f, icmp_offset, sizeof(*icmp));
	icmp_len = sizeof(*icmp) + quoted;
	if (!icmp || !put_headers(&f, p, protocol, icmp_len))
		return 0;
	__builtin_memset(icmp, 0, sizeof(*icmp));
	icmp->type = ipv6 ? ICMPV6_DEST_UNREACH : ICMP_DEST_UNREACH;
	icmp->code = ipv6 ? ICMPV6_PORT_UNREACH : ICMP_PORT_UNREACH;
	sum = sum_frame(ctx, icmp_offset, icmp_offset + icmp_len);
	if (ipv6)
		sum += sum_pseudo(p, protocol, icmp_len);
	f = frame_of(ctx);
	icmp = frame_at(&f, icmp_offset, sizeof(*icmp));
	if (!icmp)
		return 0;
	icmp->check = fold(sum);
	return 1;
}

/* True when the frame is now the answer, to be sent back. A global function, verified by itself:
 * off the common path. */
__noinline int make_answer(struct xdp_md *ctx, const struct packet *p)
{
	if (!p)
		return 0;
	return p->proto == PROTO_TCP ? send_reset(ctx, p) : send_unreachable(ctx, p);
}

#endif
