/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * First stage: from the frame to the facts. parse_frame() answers REASON_UNDECIDED for a TCP or UDP
 * packet whose ports are known, REASON_FRAGMENT for a later fragment, REASON_ICMP_OTHER for ICMP of
 * any kind (portless.h looks closer), and otherwise the reason that ends the matter. It reads the
 * frame and writes struct packet, nothing else.
 */
#ifndef XDEMUX_PARSE_H
#define XDEMUX_PARSE_H

#include <linux/if_ether.h>

#include "parse_ip.h"
#include "parse_l4.h"

#define VLAN_TAGS_MAX	  2
#define PRIORITY_TAGS_MAX 8
#define VLAN_ID_MASK	  0x0fff /* IEEE 802.1Q: 0 is no VLAN, the tag has a priority alone */

/* As <linux/if_ether.h>'s, which is packed and so read byte by byte. */
struct ethernet {
	__u8 dst[ETH_ALEN];
	__u8 src[ETH_ALEN];
	__be16 ethertype;
};

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

static __always_inline int is_vlan(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

#define TAGS_CUT -1

/*
 * Where the tags end, and the ethertype that follows in the lower half: behind two VLANs at most,
 * and behind the tags without one, which the kernel takes off where it meets them
 * (__netif_receive_skb_core()). TAGS_CUT where a tag is. A global function, so that the verifier
 * looks at what follows once.
 */
__noinline int skip_vlan_tags(struct xdp_md *ctx)
{
	__u32 offset = sizeof(struct ethernet), vlans = 0;
	struct frame f = frame_of(ctx);
	__be16 ethertype = 0;
	int i;

	for (i = 0; i < VLAN_TAGS_MAX + PRIORITY_TAGS_MAX; i++) {
		const struct vlan_tag *tag = frame_at(&f, offset, sizeof(*tag));

		if (!tag)
			return TAGS_CUT;
		ethertype = tag->ethertype;
		offset += sizeof(*tag);
		vlans += !!(tag->tci & bpf_htons(VLAN_ID_MASK));
		if (!is_vlan(ethertype) || vlans == VLAN_TAGS_MAX)
			break;
	}
	return offset << 16 | ethertype;
}

static __always_inline enum reason parse_transport(struct xdp_md *ctx, struct packet *p)
{
	struct frame f = frame_of(ctx);

	if (p->fragment == FRAGMENT_LATER)
		return REASON_FRAGMENT;
	if (has_ports(p->protocol)) {
		enum reason reason = parse_ports(p, &f);

		if (!reason)
			parse_peer(p, &f);
		return reason;
	}
	if (p->protocol == (p->family == FAMILY_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return REASON_ICMP_OTHER;
	return REASON_OTHER_PROTOCOL;
}

/* The end of the matter before an IP header was measured. */
static __always_inline enum reason parse_ends(struct xdp_md *ctx, struct packet *p,
					      enum reason reason)
{
	p->frame_len = bpf_xdp_get_buff_len(ctx);
	p->kernel_drops = reason != REASON_NOT_IP;
	return reason;
}

/* Sets l3_offset; answers REASON_UNDECIDED with the ethertype that follows the tags. */
static __always_inline enum reason parse_ethernet(struct xdp_md *ctx, struct packet *p,
						  __be16 *ethertype)
{
	struct frame f = frame_of(ctx);
	const struct ethernet *eth = frame_at(&f, 0, sizeof(*eth));

	if (!eth)
		return parse_ends(ctx, p, REASON_BAD_ETHERNET);
	p->group_frame = eth->dst[0] & 1;
	p->l3_offset = sizeof(*eth);
	*ethertype = eth->ethertype;
	if (is_vlan(*ethertype)) {
		int behind = skip_vlan_tags(ctx);

		if (behind == TAGS_CUT)
			return parse_ends(ctx, p, REASON_BAD_VLAN);
		p->l3_offset = (__u32)behind >> 16;
		*ethertype = behind;
	}
	return REASON_UNDECIDED;
}

static __always_inline enum reason parse_network(struct xdp_md *ctx, struct packet *p,
						 __be16 ethertype)
{
	struct frame f = frame_of(ctx);
	enum reason reason;

	if (ethertype == bpf_htons(ETH_P_IP)) {
		p->family = FAMILY_IPV4;
		return parse_ipv4(ctx, &f, p);
	}
	if (ethertype != bpf_htons(ETH_P_IPV6))
		return parse_ends(ctx, p, REASON_NOT_IP);
	p->family = FAMILY_IPV6;
	reason = parse_ipv6(ctx, &f, p);
	return reason ? reason : skip_extensions(ctx, p);
}

static __always_inline enum reason parse_frame(struct xdp_md *ctx, struct packet *p)
{
	enum reason reason;
	__be16 ethertype;

	reason = parse_ethernet(ctx, p, &ethertype);
	if (!reason)
		reason = parse_network(ctx, p, ethertype);
	return reason ? reason : parse_transport(ctx, p);
}

#endif
