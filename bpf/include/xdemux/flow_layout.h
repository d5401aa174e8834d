/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a flow lives in the flow table, the same for the data path and for user space: its hash,
 * the line and the word that are its own, and the lines after it. Pure; it reads and writes no map.
 *
 * A flow's hash names a line, one of its words, and a tag. The flow lives in a place of that word;
 * where that is full, in another word of the line ("near"); where the line is full, in one of the
 * lines far_line() names ("far"). It never moves. In the line that is its own, `elsewhere` says
 * what lives outside its word: a bit for each word and quarter of hashes, and how many far lines
 * there are to look at. So a look-up that misses reads one cache line, one that hits two.
 *
 * Who writes. A line's `writer` is who made it so by compare-and-swap from 0. A flow appears and
 * goes under the writer of the line that is its own, so that two who insert the same flow come one
 * after the other, wherever it is put; that writer alone changes the line's `elsewhere`. Free
 * places are taken under the writer of the line where they are: who puts a flow into a far line is
 * that one's writer too, and gives way rather than wait for it. A place that is taken is its
 * flow's: to give it back needs no writer of a far line.
 *
 * The steps, each a store that is seen after the one before.
 *
 * Insert:
 *   - identity word: next generation, no ports; whoever still reads the former flow notices
 *   - addresses, traffic, last seen, owner
 *   - identity word: ports, use, life; the entry is whole
 *   - `elsewhere`, where it is near or far; look-ups go far enough
 *   - tag; the flow is there
 *
 * Erase:
 *   - identity word, of a lease of which something is asked first: its state, over; so no packet
 *     makes another lease of it than the one that was asked
 *   - tag; the flow is gone
 *   - `elsewhere`, counted anew
 *
 * Look up:
 *   - tags; where they name a place:
 *   - identity word, addresses and what else is wanted, identity word; the same twice, or it was no
 *     whole entry
 *
 * Change: compare-and-swap of the identity word, generation and all, so never another flow's.
 *
 * A writer that is killed leaves its name in `writer`, a free place half written, a lease in
 * quarantine, or `elsewhere` too large. Who wants the line next finds that the writer is no more,
 * takes the line over by compare-and-swap, and counts `elsewhere` anew. Nothing else can be left.
 */
#ifndef XDEMUX_FLOW_LAYOUT_H
#define XDEMUX_FLOW_LAYOUT_H

#include <xdemux/contract.h>

#ifdef __cplusplus
namespace xdemux::contract
{
#define XDEMUX_INLINE inline
#else
#define XDEMUX_INLINE static __always_inline
#endif

/* One of each of a word's eight bytes. */
#define FLOW_BYTES 0x0101010101010101ull

/* Multiply-and-add of keyed halves (NH, RFC 4418), which nobody can make collide who does not know
 * the seeds; then mixed, so that all bits depend on all. */
XDEMUX_INLINE __u64 flow_mix(const struct flow_seeds *seeds, __u64 sum)
{
	sum = (sum ^ sum >> 32) * seeds->mix;
	return sum ^ sum >> 29;
}

XDEMUX_INLINE __u64 flow_pair(__u32 a, __u32 b)
{
	return (__u64)a * b;
}

/* `ports` is local | remote << 16. Addresses as in memory. */
XDEMUX_INLINE __u64 flow_hash_ipv4(const struct flow_seeds *seeds, __u64 addresses, __u32 ports,
				   __u32 proto)
{
	const __u32 *k = seeds->words;

	return flow_mix(seeds, flow_pair((__u32)addresses + k[0], (__u32)(addresses >> 32) + k[1]) +
				       flow_pair(ports + k[2], proto + k[3]));
}

XDEMUX_INLINE __u64 flow_hash_ipv6(const struct flow_seeds *seeds, const __u64 *local,
				   const __u64 *remote, __u32 ports, __u32 proto)
{
	const __u32 *k = seeds->words;

	return flow_mix(
		seeds, flow_pair((__u32)local[0] + k[0], (__u32)(local[0] >> 32) + k[1]) +
			       flow_pair((__u32)local[1] + k[4], (__u32)(local[1] >> 32) + k[5]) +
			       flow_pair((__u32)remote[0] + k[6], (__u32)(remote[0] >> 32) + k[7]) +
			       flow_pair((__u32)remote[1] + k[8], (__u32)(remote[1] >> 32) + k[9]) +
			       flow_pair(ports + k[2], proto + k[3]));
}

/* Disjoint parts of the hash: bits 32-63, 16-31, 14-15 and 0-7. */
XDEMUX_INLINE __u32 flow_line_of(__u64 hash, __u32 lines)
{
	return (__u32)((hash >> 32) * lines >> 32);
}

XDEMUX_INLINE __u32 flow_word_of(__u64 hash)
{
	return ((__u32)hash >> 16) * FLOW_WORDS >> 16;
}

/* 2 to 255. A free place has 0; and no flow has 1, or a free place could be a false candidate. */
XDEMUX_INLINE __u32 flow_tag_of(__u64 hash)
{
	__u32 tag = hash & 0xff;

	return tag > 1 ? tag : tag | 2;
}

XDEMUX_INLINE __u32 flow_place(__u32 line, __u32 word, __u32 slot)
{
	return (line * FLOW_WORDS + word) * FLOW_SLOTS + slot;
}

/* The upper bit of each byte of `tags` that is `tag`; above such a one there may be false ones, in
 * bytes that are `tag` ^ 1. The entries there tell: no free place is among them, whose entry would
 * still be that of the flow that was there last. */
XDEMUX_INLINE __u64 flow_candidates(__u64 tags, __u32 tag)
{
	__u64 differs = tags ^ tag * FLOW_BYTES;

	return (differs - FLOW_BYTES) & ~differs & FLOW_BYTES << 7;
}

/* The slot of the lowest candidate; there must be one. */
XDEMUX_INLINE __u32 flow_first_slot(__u64 candidates)
{
	__u64 below = (candidates & -candidates) - 1;

	return (__u32)((below >> 7 & FLOW_BYTES) * FLOW_BYTES >> 56);
}

/* Of `elsewhere`: the bits 4 * word to 4 * word + 3 for flows by two bits of their hash, and above
 * them how many far lines: 0, or 1 << (code - 1). */
#define FLOW_FAR_SHIFT	   28
#define FLOW_FAR_LINES_MAX 32

XDEMUX_INLINE __u32 flow_elsewhere_bit(__u64 hash)
{
	return 1u << (flow_word_of(hash) * 4 + ((__u32)hash >> 14 & 3));
}

XDEMUX_INLINE __u32 flow_far_lines(__u32 elsewhere)
{
	__u32 code = elsewhere >> FLOW_FAR_SHIFT;

	return code ? 1u << (code - 1) : 0;
}

/* The nth far line, from 1, of a line among `lines`, a prime: no two of the first lines - 1 are the
 * same. */
XDEMUX_INLINE __u32 flow_far_line(const struct flow_seeds *seeds, __u32 line, __u32 nth,
				  __u32 lines)
{
	__u32 step = lines > 1 ? 1 + (line + 1) * (__u32)seeds->mix % (lines - 1) : 0;

	return (__u32)((line + (__u64)nth * step) % lines);
}

#ifdef __cplusplus
} /* namespace xdemux::contract */
#endif

#endif
