/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules in force. Commit-confirm needs no timer: past its deadline, an unconfirmed program acts
 * by the former ones.
 */
#ifndef XDEMUX_RULES_H
#define XDEMUX_RULES_H

#include "maps.h"

static __always_inline struct rules rules_in_force(void)
{
	struct rules r = {
		.mode = settings.rules.mode,
		.closed = settings.rules.closed,
		.host = settings.rules.host,
	};

	if (settings.confirm_by_ns && bpf_ktime_get_coarse_ns() > settings.confirm_by_ns) {
		r.mode = settings.fallback.mode;
		r.closed = settings.fallback.closed;
		r.host = settings.fallback.host;
	}
	return r;
}

#endif
