/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XskConsumer for C: what <xdemux/ops/xsk_consumer.h> says holds here too, but that sockets and their rings are of the
 * application's own making (libxdp, or the kernel's interface as af_xdp.rst tells it). Every call may be made by many
 * threads at once, but for xdemux_xsk_close(). Nothing here prints.
 */
/* NOLINTBEGIN: it is C. */
#ifndef XDEMUX_XSK_CONSUMER_C_H
#define XDEMUX_XSK_CONSUMER_C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xdemux_xsk;

/* 0, or the number of the failure, which is the control tool's exit code: 2 wrong arguments or not such a socket, 3 no
 * such instance, 4 in use, 5 not found, 6 not permitted, 7 not supported, 8 full, 1 all else. `message`, where it is
 * not NULL, then holds a sentence of at most `size` - 1 bytes. `fallback` is "pass", "drop" or "reject"; NULL: what the
 * name has, else pass. */
int xdemux_xsk_open(const char* instance, const char* name, const char* fallback, struct xdemux_xsk** consumer,
                    char* message, size_t size);
/* Withdraws. NULL is nothing to close. The sockets stay the application's. */
void xdemux_xsk_close(struct xdemux_xsk* consumer);

/* Hands over a socket that is bound to receive queue `queue` of interface `dev`. */
int xdemux_xsk_serve(struct xdemux_xsk* consumer, const char* dev, uint32_t queue, int fd, char* message, size_t size);
/* No more packets come to what was handed over, once it returns. */
int xdemux_xsk_withdraw(struct xdemux_xsk* consumer, char* message, size_t size);

#ifdef __cplusplus
}
#endif

#endif
/* NOLINTEND */
