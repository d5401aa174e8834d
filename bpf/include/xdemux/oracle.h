/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between oracle.bpf.c and the tool that asks it: a batch of questions,
 * each a struct flow_key, and its answers. Valid C and C++; layouts alone. Nothing of it is pinned
 * or kept, so it has no version. Addresses and ports are as in contract.h.
 */
#ifndef XDEMUX_ORACLE_H
#define XDEMUX_ORACLE_H

#include <xdemux/contract.h>

#ifdef __cplusplus
namespace xdemux::contract
{
#endif

XDEMUX_CONSTANT(ORACLE_BATCH, 512);

/* How bpf_fib_lookup() disposes of it. */
enum oracle_route {
	ORACLE_ROUTE_HERE = 0,		/* delivered to this host, or not at all */
	ORACLE_ROUTE_FORWARDS = 1,	/* sent on to another host */
	ORACLE_ROUTE_NO_FORWARDING = 2, /* the interface does not forward: not looked up */
};

struct answer {
	__u8 addr[16]; /* that the socket is bound to; zero: a wildcard */
	__u32 ifindex; /* that it is bound to; 0: none */
	__u16 port;    /* local */
	__u8 state;    /* as the kernel numbers them (net/tcp_states.h); 0: no socket */
	__u8 family;   /* AF_INET, AF_INET6: the socket's own */
	__u32 route;   /* enum oracle_route */
	__u32 zero;
};
XDEMUX_ASSERT_LAYOUT(struct answer, 32);

#ifdef __cplusplus
} /* namespace xdemux::contract */
#endif

#endif
