/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sources that are blocked for a time. What lives stays: a flow, and a connection of the host's own
 * sockets, whichever side began it.
 */
#ifndef XDEMUX_BLOCK_H
#define XDEMUX_BLOCK_H

#include "deadline.h"
#include "host.h"
#include "maps.h"
#include "packet.h"

static __always_inline int is_blocked_source(const struct packet *p)
{
	struct block_source key = {
		.family = p->family,
	};
	const struct block *block;

	copy_src(key.addr, p);
	block = bpf_map_lookup_elem(&blocks, &key);
	return block && bpf_ktime_get_coarse_ns() <= block->until_ns;
}

/* A bare SYN belongs to no connection yet, though a TIME_WAIT socket may be found for it: the
 * kernel would begin a new one there. Of UDP there are no flags. */
static __always_inline int begins_connection(const struct packet *p)
{
	return (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* For a packet without a flow, to this host. A global function: the look-ups' keys stay off the
 * lane's stack. */
__noinline int is_blocked(struct xdp_md *ctx, const struct packet *p)
{
	return p && is_in_force(&blocking.until_ns) && is_blocked_source(p) &&
	       (begins_connection(p) || !host_has_connection(ctx, p));
}

#endif
