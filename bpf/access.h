/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the data path reads and writes memory that others write too: each word once, and in order.
 * Nothing of the steps of flow_table.h and destination.h goes round it, since their tests
 * (tests/protocol) put a header of their own in its place, whose guard is the same.
 */
#ifndef XDEMUX_ACCESS_H
#define XDEMUX_ACCESS_H

#include "maps.h"

static __always_inline __u64 read_once(const void *word)
{
	return *(const volatile __u64 *)word;
}

static __always_inline __u32 read_half_once(const __u32 *half)
{
	return *(const volatile __u32 *)half;
}

static __always_inline void write_once(void *word, __u64 value)
{
	*(volatile __u64 *)word = value;
}

static __always_inline void write_half_once(__u32 *half, __u32 value)
{
	*(volatile __u32 *)half = value;
}

static __always_inline void write_byte_once(__u8 *byte, __u8 value)
{
	*(volatile __u8 *)byte = value;
}

/* Compare-and-swap; whether it was `from`. */
static __always_inline int swap_half(__u32 *half, __u32 from, __u32 to)
{
	return __sync_val_compare_and_swap(half, from, to) == from;
}

static __always_inline int swap_word(__u64 *word, __u64 from, __u64 to)
{
	return __sync_val_compare_and_swap(word, from, to) == from;
}

/* A fetching atomic operation orders all memory (LKMM); one that does not fetch orders none. */
static __always_inline void memory_fence(void)
{
	__u64 word;

	if (settings.ordered_loads)
		return;
	word = 0;
	word = __sync_fetch_and_add(&word, 1);
	asm volatile("" : : "r"(word));
}

#endif
