/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pipeline: parse -> port slot -> flow -> listener -> host socket -> closed policy -> act ->
 * count.
 *
 * It stands in three lanes built from the same stages. full_lane.h has every step. fast_lane.h
 * decides what a slot decides by itself, or what is remembered of the destination, and keeps its
 * facts in registers. middle_lane.h looks up what is not remembered. Both decline everything else
 * before they have changed anything.
 *
 * Packets to registered sockets take a second program: XDP only passes them, and the network
 * namespace's look-up asks socket_lookup.h for the socket.
 */
#include "fast_lane.h"
#include "full_lane.h"
#include "socket_lookup.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp.frags")
int xdemux(struct xdp_md *ctx)
{
	int action = fast_lane(ctx);

	return action == DECLINED ? full_lane(ctx) : action;
}

SEC("sk_lookup")
int xdemux_sockets(struct bpf_sk_lookup *ctx)
{
	return socket_lookup(ctx);
}
