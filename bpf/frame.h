/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one way to read a frame: ask for so many bytes at an offset, get a checked pointer or NULL.
 */
#ifndef XDEMUX_FRAME_H
#define XDEMUX_FRAME_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* No offset that the parser builds comes near it; it tells the verifier so. */
#define FRAME_OFFSET_MAX 0x7fff

/* The linear part of the frame. */
struct frame {
	void *data;
	void *end;
	__u32 sure; /* bytes that were seen to be there; a constant where it shall save a test */
};

static __always_inline struct frame frame_of(const struct xdp_md *ctx)
{
	struct frame f = {
		.data = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};

	return f;
}

/* One test for all that is read at constant offsets below `len`; false when the frame is shorter.
 */
static __always_inline int frame_reaches(struct frame *f, __u32 len)
{
	if (f->data + len > f->end)
		return 0;
	f->sure = len;
	return 1;
}

/* `size` bytes at `offset` that are there to be read and written, or NULL. */
static __always_inline void *frame_at(const struct frame *f, __u32 offset, __u32 size)
{
	void *at;

	if (__builtin_constant_p(offset + size <= f->sure) && offset + size <= f->sure) {
		at = f->data + offset;
		__builtin_assume(at != NULL);
		return at;
	}
	/* What the compiler knows of an offset, older verifiers forget when it is spilled: test it.
	 */
	if (!__builtin_constant_p(offset)) {
		barrier_var(offset);
		if (offset > FRAME_OFFSET_MAX)
			return NULL;
	}
	at = f->data + offset;
	barrier_var(at); /* what is compared is what is used */
	if (at + size > f->end)
		return NULL;
	__builtin_assume(at != NULL);
	return at;
}

static __always_inline __u64 frame_linear_len(const struct frame *f)
{
	__u64 len = f->end - f->data;

	barrier_var(len); /* pointers are subtracted in 64 bits, or the verifier refuses */
	return len;
}

#endif
