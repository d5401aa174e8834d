/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Look-ups in the flow table, beside writers that change it: see <xdemux/flow_layout.h> for what
 * holds at each step. It takes no lock and writes nothing.
 *
 * Two things must be seen in the order in which they were written: a tag after its entry, which
 * the entry's address being made of the tag sees to, and an entry's identity word before and after
 * its addresses. Where the machine does not make loads in order (settings.ordered_loads), a fence
 * stands between the latter.
 */
#ifndef XDEMUX_FLOW_TABLE_H
#define XDEMUX_FLOW_TABLE_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <xdemux/flow_layout.h>

#include "access.h"
#include "frame.h"
#include "maps.h"
#include "packet.h"

/* What follows the addresses of an entry, the same in both families. */
struct flow_rest {
	__u16 local_port;
	__u16 remote_port;
	__u16 use;
	__u16 life;
	__u64 traffic;
	__u32 last_seen;
	__u32 owner;
};
_Static_assert(__builtin_offsetof(struct flow_ipv4, local_port) == sizeof(__u64), "word 1");
_Static_assert(__builtin_offsetof(struct flow_ipv6, local_port) == 4 * sizeof(__u64), "word 4");

enum flow_answer {
	FLOW_ABSENT = 0,
	FLOW_FOUND = 1,
	FLOW_UNSURE = 2, /* of flow_find_fast(): flow_find_frame() knows */
};

struct flow_match {
	struct flow_rest *rest;
	__u32 place;
	__u32 use; /* and `life` in the upper half, both as when the key was compared */
};

static __always_inline __u32 flow_ports(const struct packet *p)
{
	return p->dst_port | (__u32)p->src_port << 16;
}

static __always_inline __u64 flow_addresses_ipv4(const struct packet *p)
{
	return p->dst4 | (__u64)p->src4 << 32;
}

/* What an identity word has of a key, but for `use` and the generation. */
static __always_inline __u64 flow_identity(const struct packet *p)
{
	return flow_ports(p) | (__u64)p->proto << (48 + FLOW_PROTO_SHIFT);
}
#define FLOW_USE_MASK (0xffffull << 32)

/* The compiler may presume nothing of the value from before. */
#define FLOW_OPAQUE(pointer) asm volatile("" : "+r"(pointer))

/* Read as what they are when the program runs: a constant that is not volatile would be zero. */
static __always_inline const struct flow_seeds *flow_seeds(void)
{
	const struct flow_seeds *seeds = (const struct flow_seeds *)&settings.flow_seeds;

	FLOW_OPAQUE(seeds);
	return seeds;
}

static __always_inline __u64 flow_hash(const struct packet *p, __u8 family)
{
	const struct flow_seeds *seeds = flow_seeds();

	if (family == FAMILY_IPV6)
		return flow_hash_ipv6(seeds, p->dst6, p->src6, flow_ports(p), p->proto);
	return flow_hash_ipv4(seeds, flow_addresses_ipv4(p), flow_ports(p), p->proto);
}

static __always_inline const struct flow_line *flow_line_at(__u32 line, __u8 family)
{
	if (family == FAMILY_IPV6)
		return bpf_map_lookup_elem(&flow_lines6, &line);
	return bpf_map_lookup_elem(&flow_lines4, &line);
}

/* The rest of an entry; its addresses are the words before. */
static __always_inline struct flow_rest *flow_rest_at(__u32 place, __u8 family)
{
	struct flow_ipv6 *ipv6;
	struct flow_ipv4 *ipv4;

	if (family == FAMILY_IPV6) {
		ipv6 = bpf_map_lookup_elem(&flows6, &place);
		if (!ipv6)
			return NULL;
		FLOW_OPAQUE(ipv6); /* no arithmetic on it before the test */
		return (struct flow_rest *)&ipv6->local_port;
	}
	ipv4 = bpf_map_lookup_elem(&flows4, &place);
	if (!ipv4)
		return NULL;
	FLOW_OPAQUE(ipv4);
	return (struct flow_rest *)&ipv4->local_port;
}

/* Whether an entry is the packet's; `identity` is its identity word then. */
static __always_inline int flow_is(const struct flow_rest *rest, const struct packet *p,
				   __u8 family, __u64 *identity)
{
	const __u64 *words = (const __u64 *)rest;
	__u64 before = read_once(words), differs = ((__u32)before ^ flow_ports(p)) |
						   (before >> (48 + FLOW_PROTO_SHIFT) ^ p->proto);

	memory_fence();
	if (family == FAMILY_IPV6)
		differs |=
			(read_once(words - 4) ^ p->dst6[0]) | (read_once(words - 3) ^ p->dst6[1]) |
			(read_once(words - 2) ^ p->src6[0]) | (read_once(words - 1) ^ p->src6[1]);
	else
		differs |= read_once(words - 1) ^ flow_addresses_ipv4(p);
	memory_fence();
	*identity = read_once(words);
	differs |= (*identity ^ before) & ~FLOW_USE_MASK;
	return !differs;
}

static __always_inline int flow_matches(__u32 place, const struct packet *p, __u8 family,
					struct flow_match *match)
{
	__u64 identity;

	match->place = place;
	match->rest = flow_rest_at(place, family);
	if (!match->rest || !flow_is(match->rest, p, family, &identity))
		return 0;
	match->use = identity >> 32;
	return 1;
}

/* What a flow's own word says of its first candidate there, which is nearly every packet's answer.
 * `family` is a constant. */
static __always_inline enum flow_answer flow_find_fast(const struct packet *p, __u64 hash,
						       __u8 family, struct flow_match *match)
{
	__u64 candidates;
	__u32 line = flow_line_of(hash, settings.flow_lines), word;
	const struct flow_line *at = flow_line_at(line, family);

	if (!at)
		return FLOW_ABSENT;
	FLOW_OPAQUE(hash); /* line and word are made anew rather than kept on the stack */
	line = flow_line_of(hash, settings.flow_lines);
	word = flow_word_of(hash);
	candidates = flow_candidates(read_once(at->tags[word]), flow_tag_of(hash));
	if (!candidates)
		return read_half_once(&at->elsewhere) & flow_elsewhere_bit(hash) ? FLOW_UNSURE
										 : FLOW_ABSENT;
	return flow_matches(flow_place(line, word, flow_first_slot(candidates)), p, family, match)
		       ? FLOW_FOUND
		       : FLOW_UNSURE;
}

/* What a search found: `life`, `use` and place; or how many far lines there are to look at. */
#define FLOW_ANSWER_FOUND    (1ull << 31) /* no table has so many places */
#define FLOW_ANSWER_LIFE(a)  ((__u32)((a) >> 48))
#define FLOW_ANSWER_USE(a)   ((__u32)((a) >> 32) & 0xffff)
#define FLOW_ANSWER_PLACE(a) ((__u32)(a)&0x7fffffff)

static __always_inline __u64 flow_answer_of(const struct flow_match *match)
{
	return (__u64)match->use << 32 | FLOW_ANSWER_FOUND | match->place;
}

static __always_inline __u64 flow_search_word(const struct packet *p, __u64 hash, __u32 line,
					      __u32 word, __u64 tags, __u8 family)
{
	__u64 candidates = flow_candidates(tags, flow_tag_of(hash));
	struct flow_match match;
	int i;

	for (i = 0; i < FLOW_SLOTS && candidates; i++) {
		/* Reads the packet's facts each time anew: they would fill the stack. */
		FLOW_OPAQUE(p);
		if (flow_matches(flow_place(line, word, flow_first_slot(candidates)), p, family,
				 &match))
			return flow_answer_of(&match);
		candidates &= candidates - 1;
	}
	return 0;
}

/* One of the line's words, the flow's own first. The verifier is to see nothing but a small number,
 * or it would follow each order of the words by itself; it wants the caller to test for that. */
static __always_inline __u32 flow_word_after(__u32 own, __u32 nth)
{
	__u32 word = (own + nth) % FLOW_WORDS;

	FLOW_OPAQUE(word);
	return word;
}

static __always_inline __u64 flow_search(const struct packet *p, __u64 hash, __u32 nth, __u8 family)
{
	__u32 line = flow_line_of(hash, settings.flow_lines), own = flow_word_of(hash), word, i;
	const struct flow_line *at;
	__u64 found;

	if (nth)
		line = flow_far_line(flow_seeds(), line, nth, settings.flow_lines);
	at = flow_line_at(line, family);
	if (!at)
		return 0;
	for (i = 0; i < FLOW_WORDS; i++) {
		word = flow_word_after(own, i);
		if (word >= FLOW_WORDS)
			return 0;
		found = flow_search_word(p, hash, line, word, read_once(at->tags[word]), family);
		if (found)
			return found;
		if (!nth && !(read_half_once(&at->elsewhere) & flow_elsewhere_bit(hash)))
			return 0;
	}
	return nth ? 0 : flow_far_lines(read_half_once(&at->elsewhere));
}

/* Of the IPv6 packet at `l3_offset`. */
__noinline __u64 flow_hash_frame(struct xdp_md *ctx, __u32 l3_offset, __u32 ports, __u32 proto)
{
	struct frame f = frame_of(ctx);
	const struct ipv6hdr *ip = frame_at(&f, l3_offset, sizeof(*ip));
	__u64 local[2], remote[2];

	if (!ip)
		return 0;
	copy_halves(remote, &ip->saddr);
	copy_halves(local, &ip->daddr);
	return flow_hash_ipv6(flow_seeds(), local, remote, ports, proto);
}

/* Global functions, so that the verifier looks at each once, and that no frame holds all. */
__noinline __u64 flow_hash_of(const struct packet *p)
{
	if (!p)
		return 0;
	return p->family == FAMILY_IPV6 ? flow_hash(p, FAMILY_IPV6) : flow_hash(p, FAMILY_IPV4);
}

__noinline __u64 flow_search_ipv4(const struct packet *p, __u64 hash, __u32 nth)
{
	return p && settings.flow_lines ? flow_search(p, hash, nth, FAMILY_IPV4) : 0;
}

__noinline __u64 flow_search_ipv6(const struct packet *p, __u64 hash, __u32 nth)
{
	return p && settings.flow_lines ? flow_search(p, hash, nth, FAMILY_IPV6) : 0;
}

/* The flow's own line (`nth` 0), or the nth far one. */
static __always_inline __u64 flow_search_line(const struct packet *p, __u64 hash, __u32 nth)
{
	return p->family == FAMILY_IPV6 ? flow_search_ipv6(p, hash, nth)
					: flow_search_ipv4(p, hash, nth);
}

/* An answer with FLOW_ANSWER_FOUND, or 0. */
static __always_inline __u64 flow_find_by(const struct packet *p, __u64 hash)
{
	__u64 found = flow_search_line(p, hash, 0);
	__u32 far_lines = found, nth;

	if (found & FLOW_ANSWER_FOUND)
		return found;
	for (nth = 1; nth <= far_lines && nth <= FLOW_FAR_LINES_MAX; nth++) {
		found = flow_search_line(p, hash, nth);
		if (found)
			return found;
	}
	return 0;
}

static __always_inline __u64 flow_find(const struct packet *p)
{
	return flow_find_by(p, flow_hash_of(p));
}

/* As flow_find(), of the packet without options or extension headers at `l3_offset`: the fast
 * lane's own facts stay in registers. `proto_family` is enum proto | enum family << 8. */
__noinline __u64 flow_find_frame(struct xdp_md *ctx, __u32 l3_offset, __u32 ports,
				 __u32 proto_family)
{
	struct frame f = frame_of(ctx);
	struct packet p = {
		.dst_port = (__u16)ports,
		.src_port = ports >> 16,
		.proto = proto_family & 0xff,
		.family = proto_family >> 8,
	};
	const struct ipv6hdr *ipv6;
	const struct iphdr *ipv4;

	if (p.family == FAMILY_IPV6) {
		ipv6 = frame_at(&f, l3_offset, sizeof(*ipv6));
		if (!ipv6)
			return 0;
		copy_halves(p.src6, &ipv6->saddr);
		copy_halves(p.dst6, &ipv6->daddr);
		return flow_find(&p);
	}
	ipv4 = frame_at(&f, l3_offset, sizeof(*ipv4));
	if (!ipv4)
		return 0;
	p.src4 = ipv4->saddr;
	p.dst4 = ipv4->daddr;
	return flow_find(&p);
}

#endif
