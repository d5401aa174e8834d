/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pipeline: parse -> port slot -> flow -> listener -> host socket -> closed policy -> act ->
 * count.
 *
 * It stands in two lanes built from the same stages. full_lane.h has every step. fast_lane.h
 * decides what a slot decides by itself, keeps its facts in registers, and declines everything else
 * before it has changed anything.
 */
#include "fast_lane.h"
#include "full_lane.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp.frags")
int xdemux(struct xdp_md *ctx)
{
	int action = fast_lane(ctx);

	return action == DECLINED ? full_lane(ctx) : action;
}
