/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain: the tool runs the attached program itself under BPF_PROG_TEST_RUN, with the instance's
 * secret in the metadata in front of the frame. The program writes its trace there and leaves every
 * counter, limiter and flow alone; what it remembers of the kernel's word (forwarding) is brought
 * up to date, and a deadline that has passed is taken back. Drivers put no metadata before a
 * program ran, and none has the secret.
 */
#ifndef XDEMUX_TRACE_H
#define XDEMUX_TRACE_H

#include <linux/bpf.h>

#include "maps.h"
#include "packet.h"

static __always_inline struct trace *trace_at(const struct xdp_md *ctx)
{
	struct trace *t = (void *)(long)ctx->data_meta;
	void *data = (void *)(long)ctx->data;

	return (void *)(t + 1) <= data ? t : NULL;
}

/* Any at all; from a driver hardly ever. */
static __always_inline int has_metadata(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data_meta + 1 <= (void *)(long)ctx->data;
}

static __always_inline int trace_requested(const struct xdp_md *ctx)
{
	const struct trace *t = trace_at(ctx);

	return t && t->key == settings.trace_key;
}

static __always_inline void trace_write(const struct xdp_md *ctx, const struct packet *p,
					const struct outcome *o)
{
	struct trace *t = trace_at(ctx);

	if (!t)
		return;
	t->key = o->steer;
	t->asked = o->asked;
	t->answered = o->answered;
	t->reason = o->reason;
	t->verdict = o->verdict;
	t->action = o->action;
	t->target = o->target;
	t->listener = o->listener;
	t->prefix_len = o->prefix_len;
	t->local_port = p->dst_port;
	t->remote_port = p->src_port;
	t->l3_offset = p->l3_offset;
	t->l4_offset = p->l4_offset;
	t->proto = p->proto;
	t->family = p->family;
	t->zero = 0;
}

#endif
