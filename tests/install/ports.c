// SPDX-License-Identifier: BSD-2-Clause
// A user of what there is for plain C. There is no instance of that name, which must be said.
#include <string.h>

#include <xdemux/ops/port_allocator_c.h>
#include <xdemux/ops/xsk_consumer_c.h>

int lease_from_nowhere(void);
int serve_nowhere(void);

int lease_from_nowhere(void) {
    char message[128] = "";
    struct xdemux_ports* ports = NULL;
    const int failure = xdemux_ports_open("there-is-none", NULL, &ports, message, sizeof message);
    xdemux_ports_close(ports);
    return failure != 0 && ports == NULL && strlen(message) > 0 ? 0 : 1;
}

int serve_nowhere(void) {
    char message[128] = "";
    struct xdemux_xsk* consumer = NULL;
    const int failure = xdemux_xsk_open("there-is-none", "dns", NULL, &consumer, message, sizeof message);
    xdemux_xsk_close(consumer);
    return failure != 0 && consumer == NULL && strlen(message) > 0 ? 0 : 1;
}
