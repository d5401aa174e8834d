/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which slot of a table is an address's.
 */
#ifndef XDEMUX_HASH_H
#define XDEMUX_HASH_H

#include "maps.h"

/* Keyed, in its upper bits well mixed: multiply, fold, multiply (Thorup, 2015). */
static __always_inline __u64 hash_addr(const __u64 addr[2], __u64 more)
{
	__u64 h = (addr[0] ^ more) * settings.hash_key;

	h = ((h ^ h >> 32) + addr[1]) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

#endif
