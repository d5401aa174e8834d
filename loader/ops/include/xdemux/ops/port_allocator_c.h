/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PortAllocator for C: what <xdemux/ops/port_allocator.h> says holds here too. Every call may be made by many threads
 * at once, but for xdemux_ports_close(). Nothing here prints.
 */
/* NOLINTBEGIN: it is C. */
#ifndef XDEMUX_PORT_ALLOCATOR_C_H
#define XDEMUX_PORT_ALLOCATOR_C_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xdemux_ports;

/* What is not set is as PortAllocatorOptions has it. */
struct xdemux_ports_options {
    const char* owner;     /* NULL: "xdemux" */
    const char* algorithm; /* NULL: "permutation" */
    uint16_t range_first;  /* 0: the ports above the kernel's own range */
    uint16_t range_last;   /* inclusive */
    uint32_t quota;        /* most ports at once; 0: no limit */
    uint32_t ttl_seconds;  /* a lease ends after so long without a packet, a day at most; 0: never */
    int reuse_time_wait;   /* not 0: when nothing else is left (RFC 6191) */
};

/* 0, or the number of the failure, which is the control tool's exit code: 2 wrong arguments, 3 no such instance, 4 in
 * use, 5 not found, 6 not permitted, 7 not supported, 8 exhausted, 1 all else. `message`, where it is not NULL, then
 * holds a sentence of at most `size` - 1 bytes. `options` may be NULL. */
int xdemux_ports_open(const char* instance, const struct xdemux_ports_options* options, struct xdemux_ports** ports,
                      char* message, size_t size);
/* Gives everything back. NULL is nothing to close. */
void xdemux_ports_close(struct xdemux_ports* ports);

/* A local port for a connection from `local` to `remote`, both IPv4 or both IPv6. `protocol` is IPPROTO_TCP or
 * IPPROTO_UDP; the port of `local` is looked past, and set. Bind the socket to it before connect(2). */
int xdemux_ports_lease(struct xdemux_ports* ports, int protocol, struct sockaddr* local, const struct sockaddr* remote,
                       char* message, size_t size);
int xdemux_ports_release(struct xdemux_ports* ports, int protocol, const struct sockaddr* local,
                         const struct sockaddr* remote, char* message, size_t size);

/* Frees what is due, of all owners of the instance. */
int xdemux_ports_sweep(struct xdemux_ports* ports, char* message, size_t size);

#ifdef __cplusplus
}
#endif

#endif
/* NOLINTEND */
