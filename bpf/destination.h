/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What local routes and listeners said of a packet's destination, remembered for the CPU: they are
 * looked up in tries and hash tables, one after the other, and most packets go where others went a
 * moment ago.
 *
 * An answer is good for the epoch (struct local_hot) that was read before the tables were asked:
 * had they been changed since, it would be another one. (After 2^31 changes it comes again.)
 *
 * Who writes. Programs of one CPU, of which one may come between any two accesses of another. Who
 * writes a place makes its stamp DESTINATION_BUSY by compare-and-swap, and others leave it alone
 * until it has the next one; who reads takes nothing but what stood between two looks at the same
 * stamp.
 */
#ifndef XDEMUX_DESTINATION_H
#define XDEMUX_DESTINATION_H

#include "access.h"
#include "hash.h"
#include "maps.h"
#include "packet.h"

#define DESTINATION_BUSY 1

/* What is known of a destination, in one word that is never 0. A destination of this host that has
 * no listener is known too. */
#define ANSWER_LISTENER(a) ((__u32)(a))
#define ANSWER_REASON(a)   ((a) >> 32 & 0xff) /* which kind of listener */
#define ANSWER_TARGET(a)   ((a) >> 40 & 0xff) /* enum target_kind, TARGET_STEER at most */
#define ANSWER_NAMED	   (1ull << 48)	      /* the listener is on an address or prefix */
#define ANSWER_GUARDED	   (1ull << 49)
#define ANSWER_LOCAL	   (1ull << 50) /* the destination is this host's */
#define ANSWER_KNOWN	   (1ull << 63)

static __always_inline __u64 answer_of(const struct outcome *o)
{
	return o->listener | (__u64)o->reason << 32 | (__u64)o->target << 40 |
	       (o->named ? ANSWER_NAMED : 0) | (o->guarded ? ANSWER_GUARDED : 0) |
	       (o->local ? ANSWER_LOCAL : 0) | ANSWER_KNOWN;
}

static __always_inline void take_answer(__u64 answer, struct outcome *o)
{
	o->local = !!(answer & ANSWER_LOCAL);
	o->listener = ANSWER_LISTENER(answer);
	o->reason = ANSWER_REASON(answer);
	o->target = ANSWER_TARGET(answer);
	o->named = !!(answer & ANSWER_NAMED);
	o->guarded = !!(answer & ANSWER_GUARDED);
}

/* Of an unguarded listener with that target. */
static __always_inline int answer_is(__u64 answer, enum target_kind target)
{
	return ANSWER_TARGET(answer) == target && !(answer & ANSWER_GUARDED);
}

/* In words, which are read as they are written: a load of what was stored in parts waits for them.
 */
struct destination_key {
	__u64 addr[2];
	__u64 endpoint;
};

static __always_inline struct destination_key destination_key(const struct xdp_md *ctx,
							      const struct packet *p)
{
	struct destination_key key = {
		.addr = {p->dst4},
		.endpoint = (__u64)p->family << 56 | (__u64)p->proto << 48 |
			    (__u64)p->dst_port << 32 | ctx->ingress_ifindex,
	};

	if (p->family == FAMILY_IPV6) {
		key.addr[0] = p->dst6[0];
		key.addr[1] = p->dst6[1];
	}
	return key;
}

static __always_inline struct destination *destination_at(const struct destination_key *key)
{
	__u32 place = hash_addr(key->addr, key->endpoint) >> 32 & (DESTINATIONS - 1);

	return bpf_map_lookup_elem(&destinations, &place);
}

static __always_inline __u32 current_epoch(void)
{
	return read_half_once(&local_hot.epoch);
}

/* The answer; 0 where nothing is known of the key in this epoch. Nothing is of an odd one. */
static __always_inline __u64 destination_recall(const struct destination *d,
						const struct destination_key *key, __u32 epoch)
{
	__u64 stamp = read_once(&d->stamp), differs, answer;

	if (stamp >> 32 != epoch + 1)
		return 0;
	differs = (read_once(&d->addr[0]) ^ key->addr[0]) |
		  (read_once(&d->addr[1]) ^ key->addr[1]) |
		  (read_once(&d->endpoint) ^ key->endpoint);
	answer = read_once(&d->answer);
	return !differs && read_once(&d->stamp) == stamp ? answer : 0;
}

static __always_inline void destination_remember(struct destination *d,
						 const struct destination_key *key, __u32 epoch,
						 __u64 answer)
{
	__u64 stamp = read_once(&d->stamp);

	if (epoch & 1 || stamp == DESTINATION_BUSY ||
	    !swap_word(&d->stamp, stamp, DESTINATION_BUSY))
		return;
	write_once(&d->addr[0], key->addr[0]);
	write_once(&d->addr[1], key->addr[1]);
	write_once(&d->endpoint, key->endpoint);
	write_once(&d->answer, answer);
	write_once(&d->stamp, (__u64)(epoch + 1) << 32 | (__u32)(stamp + 1));
}

/* The answer for a packet, in the present epoch; 0: nothing is known. */
static __always_inline __u64 destination_known(const struct xdp_md *ctx, const struct packet *p)
{
	struct destination_key key = destination_key(ctx, p);
	const struct destination *d = destination_at(&key);

	return d ? destination_recall(d, &key, current_epoch()) : 0;
}

#endif
