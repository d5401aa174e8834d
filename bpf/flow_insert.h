/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Insert-if-absent from the data path: the steps of <xdemux/flow_layout.h> as user space takes
 * them. It never waits: where somebody else writes the flow's line it answers so, and the caller
 * decides. It puts flows into their own line alone; user space finds room in others too.
 */
#ifndef XDEMUX_FLOW_INSERT_H
#define XDEMUX_FLOW_INSERT_H

#include "flow_table.h"

enum flow_inserted {
	FLOW_INSERTED = 0,
	FLOW_PRESENT = 1,
	FLOW_BUSY = 2,
	FLOW_NO_ROOM = 3,
};

/* The word of the line with room for the flow, its own first; FLOW_WORDS: there is none. */
static __always_inline __u32 flow_word_with_room(const struct flow_line *at, __u32 own)
{
	__u32 word, i;

	for (i = 0; i < FLOW_WORDS; i++) {
		word = flow_word_after(own, i);
		if (word >= FLOW_WORDS || flow_candidates(read_once(at->tags[word]), 0))
			return word;
	}
	return FLOW_WORDS;
}

/* Steps 1 to 3. */
static __always_inline void flow_write(struct flow_rest *rest, const struct packet *p, __u8 family,
				       __u32 use)
{
	__u64 *words = (__u64 *)rest;
	__u64 life = ((read_once(words) >> 48) + 1) & FLOW_GENERATION_MASK;

	write_once(&words[0], life << 48);
	memory_fence();
	if (family == FAMILY_IPV6) {
		write_once(&words[-4], p->dst6[0]);
		write_once(&words[-3], p->dst6[1]);
		write_once(&words[-2], p->src6[0]);
		write_once(&words[-1], p->src6[1]);
	} else {
		write_once(&words[-1], flow_addresses_ipv4(p));
	}
	write_once(&words[1], 0);
	write_once(&words[2], (__u32)(bpf_ktime_get_coarse_ns() >> FLOW_SEEN_SHIFT));
	memory_fence();
	write_once(&words[0], flow_identity(p) | (__u64)use << 32 | life << 48);
	memory_fence();
}

/* Of a line whose writer we are, and in which the flow is not. `family` is a constant. */
static __always_inline int flow_put(const struct packet *p, __u64 hash, __u32 use, __u8 family)
{
	__u32 line = flow_line_of(hash, settings.flow_lines), word, slot;
	struct flow_line *at = (struct flow_line *)flow_line_at(line, family);
	struct flow_rest *rest;

	if (!at)
		return FLOW_NO_ROOM;
	word = flow_word_with_room(at, flow_word_of(hash));
	FLOW_OPAQUE(word);
	if (word >= FLOW_WORDS)
		return FLOW_NO_ROOM;
	slot = flow_first_slot(flow_candidates(read_once(at->tags[word]), 0)) % FLOW_SLOTS;
	rest = flow_rest_at(flow_place(line, word, slot), family);
	if (!rest)
		return FLOW_NO_ROOM;
	flow_write(rest, p, family, use);
	if (word != flow_word_of(hash))
		write_half_once(&at->elsewhere,
				read_half_once(&at->elsewhere) | flow_elsewhere_bit(hash));
	memory_fence();
	write_byte_once(&at->tags[word][slot], flow_tag_of(hash));
	return FLOW_INSERTED;
}

/* Global functions, each called from the lane itself, whose stack has no room for calls within
 * calls. */
__noinline int flow_put_ipv4(const struct packet *p, __u64 hash, __u32 use)
{
	return p ? flow_put(p, hash, use, FAMILY_IPV4) : FLOW_NO_ROOM;
}

__noinline int flow_put_ipv6(const struct packet *p, __u64 hash, __u32 use)
{
	return p ? flow_put(p, hash, use, FAMILY_IPV6) : FLOW_NO_ROOM;
}

static __always_inline __u32 *flow_writer_of(__u64 hash, __u32 family)
{
	__u32 line = flow_line_of(hash, settings.flow_lines);
	struct flow_line *at;

	if (family == FAMILY_IPV6)
		at = bpf_map_lookup_elem(&flow_lines6, &line);
	else
		at = bpf_map_lookup_elem(&flow_lines4, &line);
	return at ? &at->writer : NULL;
}

/* FLOW_INSERTED: the line of the flow is ours until flow_release(). */
__noinline int flow_hold(__u64 hash, __u32 family)
{
	__u32 *writer = settings.flow_lines ? flow_writer_of(hash, family) : NULL;

	if (!writer)
		return FLOW_NO_ROOM;
	return swap_half(writer, 0, FLOW_WRITER_DATA_PATH) ? FLOW_INSERTED : FLOW_BUSY;
}

__noinline int flow_release(__u64 hash, __u32 family)
{
	__u32 *writer = flow_writer_of(hash, family);

	memory_fence();
	if (writer)
		write_half_once(writer, 0);
	return 0;
}

/* `use` as in the contract. The caller counts the flow in its port's slot before it asks, and takes
 * that back where it was not FLOW_INSERTED. */
static __always_inline int flow_insert(const struct packet *p, __u32 use)
{
	__u64 hash = flow_hash_of(p);
	int done = flow_hold(hash, p->family);

	if (done != FLOW_INSERTED)
		return done;
	if (flow_find_by(p, hash))
		done = FLOW_PRESENT;
	else if (p->family == FAMILY_IPV6)
		done = flow_put_ipv6(p, hash, use);
	else
		done = flow_put_ipv4(p, hash, use);
	flow_release(hash, p->family);
	return done;
}

#endif
